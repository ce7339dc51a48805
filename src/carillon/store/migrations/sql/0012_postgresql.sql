-- Tags by tag: contact_tags follows contacts.tags. What is no list of texts has none; longer ones than anybody
-- would look for are left out, since they would not fit an index.
create function carillon_tags(tags jsonb) returns setof text language sql immutable as $$
    select distinct t.value #>> '{}'
        from jsonb_array_elements(case jsonb_typeof(tags) when 'array' then tags else '[]' end) t
        where jsonb_typeof(t.value) = 'string' and length(t.value #>> '{}') <= 200
$$;

insert into contact_tags (tag, contact_id)
    select t.tag, c.id from contacts c cross join lateral carillon_tags(c.tags) t (tag)
    where c.tags is not null order by 1, 2;

create function carillon_tags_added() returns trigger language plpgsql as $$
begin
    insert into contact_tags (tag, contact_id)
        select t.tag, n.id from now_rows n cross join lateral carillon_tags(n.tags) t (tag)
        where n.tags is not null;
    return null;
end $$;

create function carillon_tags_changed() returns trigger language plpgsql as $$
begin
    delete from contact_tags d using
        (select o.id, t.tag from old_rows o join now_rows n on n.id = o.id
            cross join lateral carillon_tags(o.tags) t (tag)
            where o.tags is not null and o.tags is distinct from n.tags) gone
        where d.tag = gone.tag and d.contact_id = gone.id;
    insert into contact_tags (tag, contact_id)
        select t.tag, n.id from now_rows n join old_rows o on o.id = n.id
            cross join lateral carillon_tags(n.tags) t (tag)
            where n.tags is not null and n.tags is distinct from o.tags;
    return null;
end $$;

create function carillon_tags_removed() returns trigger language plpgsql as $$
begin
    delete from contact_tags d using
        (select o.id, t.tag from old_rows o cross join lateral carillon_tags(o.tags) t (tag)
            where o.tags is not null) gone
        where d.tag = gone.tag and d.contact_id = gone.id;
    return null;
end $$;

create trigger contacts_tags_added after insert on contacts referencing new table as now_rows
    for each statement execute function carillon_tags_added();
create trigger contacts_tags_changed after update on contacts
    referencing old table as old_rows new table as now_rows
    for each statement execute function carillon_tags_changed();
create trigger contacts_tags_removed after delete on contacts referencing old table as old_rows
    for each statement execute function carillon_tags_removed();
