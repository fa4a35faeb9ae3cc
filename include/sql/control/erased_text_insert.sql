-- The operator binds both texts.
insert into erased_text (old_text, new_text)
values (%s, %s); -- noqa: PRS
