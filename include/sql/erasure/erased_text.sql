-- Texts that name the person, each with its replacement: texts of the pipeline, or free text of the person's own rows.
create temp table erased_text (
    old_text varchar(65535) not null,
    new_text varchar(65535) not null,
    is_own smallint not null
);
