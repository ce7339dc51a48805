-- Tags by tag: contact_tags follows contacts.tags. What is no list of texts has none; longer ones than anybody
-- would look for are left out, since they would not fit an index everywhere.
insert into contact_tags (tag, contact_id)
    select distinct t.value, c.id from contacts c
    join json_each(case when json_valid(c.tags) then c.tags else 'null' end) t
    where c.tags is not null and typeof(t.key) = 'integer' and t.type = 'text' and length(t.value) <= 200
    order by t.value, c.id;

create trigger contacts_tags_added after insert on contacts
when new.tags is not null
begin
    insert or ignore into contact_tags (tag, contact_id)
        select t.value, new.id from json_each(case when json_valid(new.tags) then new.tags else 'null' end) t
        where typeof(t.key) = 'integer' and t.type = 'text' and length(t.value) <= 200;
end;

create trigger contacts_tags_changed after update of tags on contacts
when old.tags is not new.tags
begin
    delete from contact_tags where contact_id = old.id and tag in
        (select t.value from json_each(case when json_valid(old.tags) then old.tags else 'null' end) t);
    insert or ignore into contact_tags (tag, contact_id)
        select t.value, new.id from json_each(case when json_valid(new.tags) then new.tags else 'null' end) t
        where typeof(t.key) = 'integer' and t.type = 'text' and length(t.value) <= 200;
end;

create trigger contacts_tags_removed after delete on contacts
when old.tags is not null
begin
    delete from contact_tags where contact_id = old.id and tag in
        (select t.value from json_each(case when json_valid(old.tags) then old.tags else 'null' end) t);
end;
