-- A suppression of a whole domain, "@example.com", concerns everybody there.
create trigger suppressions_domain_added after insert on suppressions
when new.address like '@%'
begin
    insert into changes (contact_id) select id from contacts where lower(email) like '%' || lower(new.address);
end;

create trigger suppressions_domain_changed after update on suppressions
when old.address like '@%' or new.address like '@%'
begin
    insert into changes (contact_id) select id from contacts
        where lower(email) like '%' || lower(old.address) or lower(email) like '%' || lower(new.address);
end;

create trigger suppressions_domain_removed after delete on suppressions
when old.address like '@%'
begin
    insert into changes (contact_id) select id from contacts where lower(email) like '%' || lower(old.address);
end;
