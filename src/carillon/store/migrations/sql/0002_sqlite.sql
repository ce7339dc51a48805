drop view email_schedules;

-- The outbox as people query it: pending planner rows and everything that has left, in one shape.
create view email_schedules as
select
    p.id as id,
    p.id >> 31 as contact_id,
    k.email_type as email_type,
    date(p.send * 86400, 'unixepoch') as scheduled_send_date,
    k.send_time as scheduled_send_time,
    case p.state & 15 when 0 then 'pre-scheduled' else 'skipped' end as status,
    r.word as skip_reason,
    (p.state >> 8) & 255 as priority,
    case when (p.id >> 16) & 16383 >= 16 then ((p.id >> 16) & 16383) - 16 end as campaign_instance_id,
    k.email_template as email_template,
    k.sms_template as sms_template,
    c.scheduler_run_id as scheduler_run_id,
    cast(strftime('%Y', (p.id & 65535) * 86400, 'unixepoch') as integer) as event_year,
    cast(strftime('%m', (p.id & 65535) * 86400, 'unixepoch') as integer) as event_month,
    cast(strftime('%d', (p.id & 65535) * 86400, 'unixepoch') as integer) as event_day,
    date(p.ideal * 86400, 'unixepoch') as original_send_date,
    case when p.id & 1073741824 then (select f.metadata from plan_followups f where f.id = p.id) end as metadata,
    null as send_at,
    null as account_id,
    null as enrollment_id,
    0 as attempts,
    null as actual_send_datetime,
    'email' as channel,
    case when p.id & 1073741824 then p.id & ~1073741824 end as parent_id,
    c.run_timestamp as created_at,
    c.run_timestamp as updated_at,
    (p.state >> 4) & 1 as pinned
from plan p
left join plan_kinds k
    on k.kind = case
        when not p.id & 1073741824 then (p.id >> 16) & 16383
        when (p.id >> 16) & 16383 < 16 then -1 - ((p.state >> 5) & 3)
        else -1 - ((p.state >> 5) & 3) - 4 * ((p.id >> 16) & 16383) end
left join skip_reasons r on r.code = p.state & 15
left join scheduler_checkpoints c on c.id = p.run
union all
select
    o.id, o.contact_id, o.email_type,
    date(o.send * 86400, 'unixepoch'), o.send_time, o.status, o.skip_reason, o.priority,
    o.campaign_instance_id, o.email_template, o.sms_template, c.scheduler_run_id,
    cast(strftime('%Y', o.event * 86400, 'unixepoch') as integer),
    cast(strftime('%m', o.event * 86400, 'unixepoch') as integer),
    cast(strftime('%d', o.event * 86400, 'unixepoch') as integer),
    date(o.ideal * 86400, 'unixepoch'),
    o.metadata, o.send_at, o.account_id, o.enrollment_id, o.attempts, o.actual_send_datetime,
    o.channel, o.parent_id, o.created_at, o.updated_at, 0
from outbox o
left join scheduler_checkpoints c on c.id = o.run;

-- A pending row that is given a status of the dispatcher leaves the plan for good.
create trigger email_schedules_leave instead of update on email_schedules
when old.status in ('pre-scheduled', 'skipped') and new.status not in ('pre-scheduled', 'skipped')
begin
    insert into outbox (
        id, contact_id, kind, followup, email_type, event, send, ideal, send_time, status, skip_reason,
        priority, run, campaign_instance_id, email_template, sms_template, metadata, send_at, account_id,
        attempts, actual_send_datetime, channel, parent_id, created_at, updated_at
    )
    select
        old.id, old.id >> 31, (old.id >> 16) & 16383, (old.id >> 30) & 1, new.email_type, old.id & 65535,
        cast(julianday(new.scheduled_send_date) - 2440587.5 as integer), cast(julianday(old.original_send_date) - 2440587.5 as integer), new.scheduled_send_time,
        new.status, new.skip_reason, new.priority, (select run from plan where id = old.id), new.campaign_instance_id, new.email_template,
        new.sms_template, new.metadata, new.send_at, new.account_id, new.attempts,
        new.actual_send_datetime, new.channel, new.parent_id, new.created_at,
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now');
    delete from plan where id = old.id;
    insert into changes (contact_id) values (old.contact_id);
end;

-- A pending row moved by hand is pinned: the planner only checks it against windows from then on.
create trigger email_schedules_move instead of update on email_schedules
when old.status in ('pre-scheduled', 'skipped') and new.status in ('pre-scheduled', 'skipped')
begin
    update plan set
        send = cast(julianday(new.scheduled_send_date) - 2440587.5 as integer),
        state = (state & ~(65280 | 16 | 15))
            | (new.priority << 8)
            | case when new.scheduled_send_date is not old.scheduled_send_date
                then 16 else coalesce(new.pinned, 0) << 4 end
            | case new.status when 'skipped' then
                coalesce((select code from skip_reasons where word = new.skip_reason), 6) else 0 end
        where id = old.id;
    insert into changes (contact_id) values (old.contact_id);
end;

create trigger email_schedules_record instead of update on email_schedules
when old.status not in ('pre-scheduled', 'skipped') and new.status not in ('pre-scheduled', 'skipped')
begin
    update outbox set
        send = cast(julianday(new.scheduled_send_date) - 2440587.5 as integer),
        send_time = new.scheduled_send_time, status = new.status, skip_reason = new.skip_reason,
        priority = new.priority, email_template = new.email_template, sms_template = new.sms_template,
        metadata = new.metadata, send_at = new.send_at, account_id = new.account_id,
        enrollment_id = new.enrollment_id, attempts = new.attempts,
        actual_send_datetime = new.actual_send_datetime, channel = new.channel,
        updated_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
        where id = old.id;
    insert into changes (contact_id) values (old.contact_id);
end;

-- Back from the dispatcher: only what the planner made can become the planner's again.
create trigger email_schedules_return instead of update on email_schedules
when old.status not in ('pre-scheduled', 'skipped') and new.status in ('pre-scheduled', 'skipped')
begin
    select raise(abort, 'only emails made by the planner can become pre-scheduled again')
        where old.id < 0 or old.enrollment_id is not null;
    insert into plan (id, send, ideal, state, run)
        select id, cast(julianday(new.scheduled_send_date) - 2440587.5 as integer), coalesce(ideal, send),
            (coalesce(new.priority, 10) << 8)
                | case new.status when 'skipped' then
                coalesce((select code from skip_reasons where word = new.skip_reason), 6) else 0 end,
            coalesce(run, 0)
        from outbox where id = old.id;
    delete from outbox where id = old.id;
    insert into changes (contact_id) values (old.contact_id);
end;

create trigger email_schedules_remove instead of delete on email_schedules
begin
    delete from plan where id = old.id;
    delete from outbox where id = old.id;
    insert into changes (contact_id) values (old.contact_id);
end;

create trigger email_schedules_add_pending instead of insert on email_schedules
when coalesce(new.status, 'pre-scheduled') in ('pre-scheduled', 'skipped')
begin
    select raise(abort, 'a pending email needs a known email_type and event_year, event_month, event_day')
        where new.event_day is null or new.event_month is null or new.event_year is null
            or case when new.campaign_instance_id is not null then 16 + new.campaign_instance_id
                else (select kind from plan_kinds where email_type = new.email_type and kind between 0 and 15) end is null;
    insert into plan (id, send, ideal, state, run)
        select
            (new.contact_id << 31) | (k.kind << 16)
                | cast(julianday(printf('%04d-%02d-%02d', new.event_year, new.event_month, new.event_day))
                    - 2440587.5 as integer),
            cast(julianday(new.scheduled_send_date) - 2440587.5 as integer),
            cast(julianday(coalesce(new.original_send_date, new.scheduled_send_date)) - 2440587.5 as integer),
            (coalesce(new.priority, 10) << 8) | case new.status when 'skipped' then
                coalesce((select code from skip_reasons where word = new.skip_reason), 6) else 0 end,
            0
        from (
            select case when new.campaign_instance_id is not null then 16 + new.campaign_instance_id
                else (select kind from plan_kinds where email_type = new.email_type and kind between 0 and 15) end as kind
        ) k;
    insert into changes (contact_id) values (new.contact_id);
end;

-- History from elsewhere: with a known type and event, or as the follow-up of a known email, it has the
-- planner's identity; otherwise a negative id, and counts for frequency only.
create trigger email_schedules_add_history instead of insert on email_schedules
when new.status not in ('pre-scheduled', 'skipped')
begin
    insert into outbox (
        id, contact_id, kind, followup, email_type, event, send, ideal, send_time, status, skip_reason,
        priority, campaign_instance_id, email_template, sms_template, metadata, send_at, account_id,
        enrollment_id, attempts, actual_send_datetime, channel, parent_id, created_at, updated_at
    )
    select
        case
            when n.kind is null or n.event is null or new.enrollment_id is not null
                then min((select coalesce(min(id), 0) from outbox), 0) - 1
            else (new.contact_id << 31) | (n.followup << 30) | (n.kind << 16) | n.event
        end,
        new.contact_id, coalesce(n.kind, 16383), n.followup, new.email_type, n.event, n.send,
        cast(julianday(coalesce(new.original_send_date, new.scheduled_send_date)) - 2440587.5 as integer),
        new.scheduled_send_time, new.status, new.skip_reason, new.priority, new.campaign_instance_id,
        new.email_template, new.sms_template, new.metadata, new.send_at, new.account_id,
        new.enrollment_id, coalesce(new.attempts, 0), new.actual_send_datetime,
        coalesce(new.channel, 'email'), new.parent_id,
        coalesce(new.created_at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now')
    from (
        select
            case when f.follows then (new.parent_id >> 16) & 16383
                when new.campaign_instance_id is not null then 16 + new.campaign_instance_id
                else (select kind from plan_kinds where email_type = new.email_type and kind between 0 and 15)
                end as kind,
            f.follows as followup,
            case when f.follows then new.parent_id & 65535
                when new.event_day is not null and new.event_month is not null and new.event_year is not null
                then cast(julianday(printf('%04d-%02d-%02d', new.event_year, new.event_month, new.event_day))
                    - 2440587.5 as integer) end as event,
            cast(julianday(new.scheduled_send_date) - 2440587.5 as integer) as send
        from (select new.email_type like 'followup%' and coalesce(new.parent_id, -1) >= 0 as follows) f
    ) n;
    insert into changes (contact_id) values (new.contact_id);
end;

-- Targets, answers and clicks: what the planner reads of a contact has changed.
create trigger contact_campaigns_added after insert on contact_campaigns
when not exists (select 1 from changes where contact_id = 0)
begin
    insert into changes (contact_id) values (new.contact_id);
end;

create trigger contact_campaigns_changed
after update of contact_id, campaign_instance_id, trigger_date, created_at on contact_campaigns
begin
    insert into changes (contact_id) values (old.contact_id), (new.contact_id);
end;

create trigger contact_campaigns_removed after delete on contact_campaigns
when not exists (select 1 from changes where contact_id = 0)
begin
    insert into changes (contact_id) values (old.contact_id);
end;

create trigger contact_events_added after insert on contact_events
when new.event_type = 'eligibility_answered'
begin
    insert into changes (contact_id) values (new.contact_id);
end;

create trigger contact_events_changed after update on contact_events
when 'eligibility_answered' in (old.event_type, new.event_type)
begin
    insert into changes (contact_id) values (old.contact_id), (new.contact_id);
end;

create trigger contact_events_removed after delete on contact_events
when old.event_type = 'eligibility_answered'
begin
    insert into changes (contact_id) values (old.contact_id);
end;

create trigger tracking_clicks_added after insert on tracking_clicks
begin
    insert into changes (contact_id) values (new.contact_id);
end;

create trigger tracking_clicks_changed
after update of contact_id, email_schedule_id on tracking_clicks
begin
    insert into changes (contact_id) values (old.contact_id), (new.contact_id);
end;

create trigger tracking_clicks_removed after delete on tracking_clicks
begin
    insert into changes (contact_id) values (old.contact_id);
end;

create trigger audit_log_stays_changed before update on audit_log
begin
    select raise(abort, 'audit_log is append-only');
end;

create trigger audit_log_stays_removed before delete on audit_log
begin
    select raise(abort, 'audit_log is append-only');
end;
