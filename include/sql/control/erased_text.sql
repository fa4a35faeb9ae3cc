-- Texts of the pipeline that speak of the person, and what takes their place.
create temp table erased_text (
    old_text varchar(4000) not null,
    new_text varchar(4000) not null
);
