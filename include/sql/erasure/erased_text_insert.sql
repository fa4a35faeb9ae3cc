-- The operator binds both texts, and whether they are of the person's own rows, for one row of placeholders each.
insert into erased_text (old_text, new_text, is_own)
values
(%s, %s, %s); -- noqa: PRS
