-- The outbox as people query it: pending planner rows and everything that has left, in one shape.
create or replace view email_schedules as
select
    p.id as id,
    p.id >> 31 as contact_id,
    k.email_type as email_type,
    date '1970-01-01' + p.send as scheduled_send_date,
    k.send_time as scheduled_send_time,
    case p.state & 15 when 0 then 'pre-scheduled' else 'skipped' end as status,
    r.word as skip_reason,
    (p.state >> 8) & 255 as priority,
    case when (p.id >> 16) & 16383 >= 16 then ((p.id >> 16) & 16383) - 16 end as campaign_instance_id,
    k.email_template as email_template,
    k.sms_template as sms_template,
    c.scheduler_run_id as scheduler_run_id,
    extract(year from date '1970-01-01' + (p.id & 65535)::integer)::integer as event_year,
    extract(month from date '1970-01-01' + (p.id & 65535)::integer)::integer as event_month,
    extract(day from date '1970-01-01' + (p.id & 65535)::integer)::integer as event_day,
    date '1970-01-01' + p.ideal as original_send_date,
    case when p.id & 1073741824 <> 0
        then (select f.metadata from plan_followups f where f.id = p.id) end as metadata,
    null::timestamptz as send_at,
    null::bigint as account_id,
    null::bigint as enrollment_id,
    0 as attempts,
    null::timestamptz as actual_send_datetime,
    'email'::text as channel,
    case when p.id & 1073741824 <> 0 then p.id & ~1073741824::bigint end as parent_id,
    c.run_timestamp as created_at,
    c.run_timestamp as updated_at,
    (p.state >> 4) & 1 as pinned
from plan p
left join plan_kinds k
    on k.kind = case
        when p.id & 1073741824 = 0 then (p.id >> 16) & 16383
        when (p.id >> 16) & 16383 < 16 then -1 - ((p.state >> 5) & 3)
        else -1 - ((p.state >> 5) & 3) - 4 * ((p.id >> 16) & 16383) end
left join skip_reasons r on r.code = p.state & 15
left join scheduler_checkpoints c on c.id = p.run
union all
select
    o.id, o.contact_id, o.email_type,
    date '1970-01-01' + o.send, o.send_time, o.status, o.skip_reason, o.priority,
    o.campaign_instance_id, o.email_template, o.sms_template, c.scheduler_run_id,
    extract(year from date '1970-01-01' + o.event)::integer,
    extract(month from date '1970-01-01' + o.event)::integer,
    extract(day from date '1970-01-01' + o.event)::integer,
    date '1970-01-01' + o.ideal,
    o.metadata, o.send_at, o.account_id, o.enrollment_id, o.attempts, o.actual_send_datetime,
    o.channel, o.parent_id, o.created_at, o.updated_at, 0
from outbox o
left join scheduler_checkpoints c on c.id = o.run;

create or replace function carillon_kind(type text, instance bigint) returns integer language sql stable as $$
    select case when instance is not null then (16 + instance)::integer
        else (select kind from plan_kinds where email_type = type and kind between 0 and 15) end
$$;

create or replace function carillon_schedule_edit() returns trigger language plpgsql as $$
declare
    was_pending boolean := tg_op <> 'INSERT' and old.status in ('pre-scheduled', 'skipped');
    is_pending boolean := tg_op <> 'DELETE' and coalesce(new.status, 'pre-scheduled') in ('pre-scheduled', 'skipped');
    of_kind integer;
    of_event integer;
    follows boolean := tg_op = 'INSERT' and new.email_type like 'followup%' and coalesce(new.parent_id, -1) >= 0;
begin
    if tg_op = 'DELETE' then
        delete from plan where id = old.id;
        delete from outbox where id = old.id;
        insert into changes (contact_id) values (old.contact_id);
        return old;
    end if;
    insert into changes (contact_id) values (new.contact_id);
    if tg_op = 'INSERT' then
        of_kind := carillon_kind(new.email_type, new.campaign_instance_id);
        if new.event_year is not null and new.event_month is not null and new.event_day is not null then
            of_event := carillon_event(new.event_year, new.event_month, new.event_day);
        end if;
        if follows then
            of_kind := (new.parent_id >> 16) & 16383;
            of_event := new.parent_id & 65535;
        end if;
        if is_pending then
            if of_kind is null or of_event is null then
                raise exception
                    'a pending email needs a known email_type and event_year, event_month, event_day';
            end if;
            insert into plan (id, send, ideal, state, run) values (
                (new.contact_id << 31) | (of_kind::bigint << 16) | of_event,
                carillon_day(new.scheduled_send_date::text),
                carillon_day(coalesce(new.original_send_date, new.scheduled_send_date)::text),
                (coalesce(new.priority, 10) << 8) | carillon_reason(new.status, new.skip_reason), 0);
        else
            -- History from elsewhere: with a known type and event, or as the follow-up of a known email, it
            -- has the planner's identity; otherwise a negative id, and counts for frequency only.
            insert into outbox (
                id, contact_id, kind, followup, email_type, event, send, ideal, send_time, status,
                skip_reason, priority, campaign_instance_id, email_template, sms_template, metadata,
                send_at, account_id, enrollment_id, attempts, actual_send_datetime, channel, parent_id,
                created_at, updated_at)
            values (
                case when of_kind is null or of_event is null or new.enrollment_id is not null
                    then least((select coalesce(min(id), 0) from outbox), 0) - 1
                    else (new.contact_id << 31) | (follows::integer::bigint << 30)
                        | (of_kind::bigint << 16) | of_event end,
                new.contact_id, coalesce(of_kind, 16383), follows::integer, new.email_type, of_event,
                carillon_day(new.scheduled_send_date::text),
                carillon_day(coalesce(new.original_send_date, new.scheduled_send_date)::text),
                new.scheduled_send_time, new.status, new.skip_reason, new.priority,
                new.campaign_instance_id, new.email_template, new.sms_template, new.metadata,
                new.send_at, new.account_id, new.enrollment_id, coalesce(new.attempts, 0),
                new.actual_send_datetime, coalesce(new.channel, 'email'), new.parent_id,
                coalesce(new.created_at, now()), now());
        end if;
    elsif was_pending and is_pending then
        -- A pending row moved by hand is pinned: the planner only checks it against windows from then on.
        update plan set
            send = carillon_day(new.scheduled_send_date::text),
            state = (state & ~(65280 | 16 | 15)) | (new.priority << 8)
                | case when new.scheduled_send_date is distinct from old.scheduled_send_date
                    then 16 else coalesce(new.pinned, 0) << 4 end
                | carillon_reason(new.status, new.skip_reason)
            where id = old.id;
    elsif was_pending then
        -- A pending row that is given a status of the dispatcher leaves the plan for good.
        insert into outbox (
            id, contact_id, kind, followup, email_type, event, send, ideal, send_time, status, skip_reason,
            priority, run, campaign_instance_id, email_template, sms_template, metadata, send_at,
            account_id, attempts, actual_send_datetime, channel, parent_id, created_at, updated_at)
        select
            old.id, old.id >> 31, (old.id >> 16) & 16383, (old.id >> 30) & 1, new.email_type, old.id & 65535,
            carillon_day(new.scheduled_send_date::text), carillon_day(old.original_send_date::text), new.scheduled_send_time, new.status,
            new.skip_reason, new.priority, (select run from plan where id = old.id), new.campaign_instance_id, new.email_template,
            new.sms_template, new.metadata, new.send_at, new.account_id, new.attempts,
            new.actual_send_datetime, new.channel, new.parent_id, new.created_at, now();
        delete from plan where id = old.id;
    elsif is_pending then
        -- Back from the dispatcher: only what the planner made can become the planner's again.
        if old.id < 0 or old.enrollment_id is not null then
            raise exception 'only emails made by the planner can become pre-scheduled again';
        end if;
        insert into plan (id, send, ideal, state, run)
            select id, carillon_day(new.scheduled_send_date::text), coalesce(ideal, send),
                (coalesce(new.priority, 10) << 8) | carillon_reason(new.status, new.skip_reason),
                coalesce(run, 0)
            from outbox where id = old.id;
        delete from outbox where id = old.id;
    else
        update outbox set
            send = carillon_day(new.scheduled_send_date::text), send_time = new.scheduled_send_time,
            status = new.status, skip_reason = new.skip_reason, priority = new.priority,
            email_template = new.email_template, sms_template = new.sms_template,
            metadata = new.metadata, send_at = new.send_at, account_id = new.account_id,
            enrollment_id = new.enrollment_id, attempts = new.attempts,
            actual_send_datetime = new.actual_send_datetime, channel = new.channel, updated_at = now()
            where id = old.id;
    end if;
    return new;
end $$;


-- Targets, answers and clicks: what the planner reads of a contact has changed.
create function carillon_targets_added() returns trigger language plpgsql as $$
begin
    perform 1 from changes where contact_id = 0 limit 1 for share;
    if not found then
        insert into changes (contact_id) select distinct contact_id from added;
    end if;
    return null;
end $$;

create function carillon_targets_removed() returns trigger language plpgsql as $$
begin
    perform 1 from changes where contact_id = 0 limit 1 for share;
    if not found then
        insert into changes (contact_id) select distinct contact_id from removed;
    end if;
    return null;
end $$;

create function carillon_targets_changed() returns trigger language plpgsql as $$
begin
    -- What a run writes back (status) changes nothing for it.
    insert into changes (contact_id)
        select contact_id from (
            select contact_id, campaign_instance_id, trigger_date, created_at from now_rows
            except
            select contact_id, campaign_instance_id, trigger_date, created_at from old_rows
        ) n
        union
        select contact_id from (
            select contact_id, campaign_instance_id, trigger_date, created_at from old_rows
            except
            select contact_id, campaign_instance_id, trigger_date, created_at from now_rows
        ) o;
    return null;
end $$;

create trigger contact_campaigns_added after insert on contact_campaigns referencing new table as added
    for each statement execute function carillon_targets_added();
create trigger contact_campaigns_removed after delete on contact_campaigns
    referencing old table as removed for each statement execute function carillon_targets_removed();
create trigger contact_campaigns_changed after update on contact_campaigns
    referencing old table as old_rows new table as now_rows
    for each statement execute function carillon_targets_changed();

create function carillon_behaviour() returns trigger language plpgsql as $$
begin
    if tg_op in ('UPDATE', 'DELETE') then
        insert into changes (contact_id) values (old.contact_id);
    end if;
    if tg_op in ('UPDATE', 'INSERT') then
        insert into changes (contact_id) values (new.contact_id);
    end if;
    return null;
end $$;

create trigger contact_events_added after insert on contact_events
    for each row when (new.event_type = 'eligibility_answered') execute function carillon_behaviour();
create trigger contact_events_changed after update on contact_events for each row
    when ('eligibility_answered' in (old.event_type, new.event_type)) execute function carillon_behaviour();
create trigger contact_events_removed after delete on contact_events
    for each row when (old.event_type = 'eligibility_answered') execute function carillon_behaviour();
create trigger tracking_clicks_changed after insert or update or delete on tracking_clicks
    for each row execute function carillon_behaviour();

create function carillon_append_only() returns trigger language plpgsql as $$
begin
    raise exception '% is append-only', tg_table_name;
end $$;

create trigger audit_log_stays before update or delete on audit_log
    for each row execute function carillon_append_only();
