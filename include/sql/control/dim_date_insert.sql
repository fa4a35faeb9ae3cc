-- One batch of the calendar; the operator repeats the row of placeholders and binds the values.
insert into dimensions.dim_date (
    date_key, full_date, day_of_week, day_name, day_of_month, day_of_year, iso_week, iso_year, month_number,
    month_name, quarter_number, year_number, fiscal_year, fiscal_quarter, fiscal_month, is_weekend, is_holiday,
    holiday_name, month_start, month_end
)
values
(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s); -- noqa: PRS
