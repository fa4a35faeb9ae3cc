-- The calendar is replaced as a whole, in one transaction with its insert.
delete from dimensions.dim_date;
