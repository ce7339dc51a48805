-- Day counts follow a statement as a whole: one that wrote many rows changed the same few counts again and
-- again, and every version of a count that a transaction leaves behind makes the next one slower to find.
drop trigger plan_row on plan;
drop function carillon_plan_row();
drop function carillon_count(plan, integer);

create function carillon_plan_counts() returns trigger language plpgsql as $$
begin
    if tg_op in ('UPDATE', 'DELETE') then
        insert into plan_days as d (day, kind, reason, n)
            select send, (id >> 16) & 32767, state & 15, -count(*) from old_rows group by 1, 2, 3 order by 1, 2, 3
            on conflict (day, kind, reason) do update set n = d.n + excluded.n;
        insert into plan_smoothing as d (day, n)
            select ideal, -count(*) from old_rows
                where (id >> 16) & 32767 = 1 and state & 15 in (0, 7, 8) group by 1 order by 1
            on conflict (day) do update set n = d.n + excluded.n;
    end if;
    if tg_op in ('UPDATE', 'INSERT') then
        insert into plan_days as d (day, kind, reason, n)
            select send, (id >> 16) & 32767, state & 15, count(*) from now_rows group by 1, 2, 3 order by 1, 2, 3
            on conflict (day, kind, reason) do update set n = d.n + excluded.n;
        insert into plan_smoothing as d (day, n)
            select ideal, count(*) from now_rows
                where (id >> 16) & 32767 = 1 and state & 15 in (0, 7, 8) group by 1 order by 1
            on conflict (day) do update set n = d.n + excluded.n;
    end if;
    return null;
end $$;

create trigger plan_added after insert on plan referencing new table as now_rows
    for each statement execute function carillon_plan_counts();
create trigger plan_removed after delete on plan referencing old table as old_rows
    for each statement execute function carillon_plan_counts();
create trigger plan_changed after update on plan referencing old table as old_rows new table as now_rows
    for each statement execute function carillon_plan_counts();

-- A suppression of a whole domain, "@example.com", concerns everybody there.
create function carillon_domain_suppressions() returns trigger language plpgsql as $$
begin
    if tg_op <> 'INSERT' and old.address like '@%' then
        insert into changes (contact_id) select id from contacts where lower(email) like '%' || lower(old.address);
    end if;
    if tg_op <> 'DELETE' and new.address like '@%' then
        insert into changes (contact_id) select id from contacts where lower(email) like '%' || lower(new.address);
    end if;
    return null;
end $$;

create trigger suppressions_of_domains after insert or update or delete on suppressions
    for each row execute function carillon_domain_suppressions();
