-- Publishes: brings the aggregates of every touched key and the published day up to date, in one transaction. Readers
-- of analytics.* see the last published day until the commit, and the new one from then on.
-- Counts and sums change by what the touched orders gained or lost since the last publish (history.published_line
-- against fact_sales), so the cost is that of the change; maintenance/rebuild_analytics.sql asks for a full count.
-- Each step leaves temporary tables with changes for those below.
{% include "analytics/may_publish.sql" %}
{% include "analytics/empty_for_rebuild.sql" %}
{% include "analytics/changes.sql" %}
{% include "analytics/agg_order/refresh.sql" %}
{% include "analytics/agg_day/refresh.sql" %}
{% include "analytics/agg_statement/refresh.sql" %}
{% include "analytics/agg_customer_month/refresh.sql" %}
{% include "analytics/agg_month/refresh.sql" %}
{% include "analytics/agg_product_customer/refresh.sql" %}
{% include "analytics/agg_geography_customer/refresh.sql" %}
{% include "analytics/agg_customer/refresh.sql" %}
{% include "analytics/score_bound/refresh.sql" %}
{% include "analytics/agg_product/refresh.sql" %}
{% include "analytics/agg_geography/refresh.sql" %}
{% include "analytics/agg_funnel_day/refresh.sql" %}
{% include "analytics/aggregates_agree.sql" %}
{% include "analytics/published/refresh.sql" %}
