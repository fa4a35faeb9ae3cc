-- Texts that point at the person, to be looked for within kept samples and messages.
create temp table erased_value (
    value varchar(1024) not null
);
