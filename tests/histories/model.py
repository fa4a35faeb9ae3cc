"""The warehouse as plain Python: what dimensions, facts and views must hold, given the accepted rows of each day.

Written from docs/metrics.md and the design, by brute force over all rows and without looking at the SQL: dictionaries,
``Decimal`` and ``Fraction``, no increments, no queue. Slow and simple on purpose.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any
from zoneinfo import ZoneInfo

Row = dict[str, Any]
Slices = Mapping[tuple[str, date], list[Row]]

BEGINNING = datetime.fromisoformat("1900-01-01")
LAST_INSTANT = datetime.fromisoformat("9999-12-30")
END = datetime.fromisoformat("9999-12-31")
ZERO = Decimal(0)
UNIT = Decimal("0.0001")
AMOUNTS = ("gross_sales", "discounts", "returns", "refunds", "net_sales", "taxes", "shipping", "total_sales")
# docs/metrics.md, "Statuses of orders"
STATUSES = {
    "open": [
        "created",
        "placed",
        "pending",
        "approved",
        "confirmed",
        "paid",
        "processing",
        "invoiced",
        "on_hold",
    ],
    "fulfilled": ["shipped", "delivered", "completed"],
    "returned": ["returned"],
    "partially_refunded": ["partially_refunded", "partially refunded", "partial_refund"],
    "refunded": ["refunded"],
    "cancelled": ["cancelled", "unavailable", "voided", "failed", "expired"],
}


def rounded(value: Fraction | Decimal | int, places: int = 2) -> Decimal:
    """Half away from zero, as SQL rounds decimals."""
    exact = Fraction(value) * 10**places
    whole = (abs(exact) * 2 + 1) // 2
    return Decimal(int(whole) * (1 if exact >= 0 else -1)).scaleb(-places)


def ratio(part: Decimal | int, whole: Decimal | int, factor: int = 1) -> Decimal | None:
    """``factor × part / whole`` with two decimals; None when there is nothing to divide by."""
    return rounded(factor * Fraction(part) / Fraction(whole)) if whole else None


def surrogate(text: str) -> int:
    return int(hashlib.md5(text.encode()).hexdigest()[:15], 16)


def version_key(natural_key: str, effective_from: datetime) -> int:
    return surrogate(f"{natural_key}|{effective_from.isoformat(sep=' ', timespec='microseconds')}")


def place_key(place: tuple[str, str, str]) -> int:
    return surrogate("".join(hashlib.md5(part.encode()).hexdigest() for part in place))


def bounded(instant: datetime) -> datetime:
    return min(max(instant, BEGINNING), LAST_INSTANT)


def age(row: Row) -> tuple[datetime, date, str]:
    """What orders the versions of one key."""
    return row["version_at"], row["delivery_date"], row["row_hash"]


def standing(rows: Iterable[Row], key: str) -> dict[str, Row]:
    """The current row of each key: by version, then by delivery date, then by content hash."""
    best: dict[str, Row] = {}
    for row in rows:
        held = best.get(row[key])
        if held is None or age(row) > age(held):
            best[row[key]] = row
    return best


def versions(
    rows: Iterable[Row], key: str, attributes: Callable[[Row], tuple[Any, ...]]
) -> dict[str, list[Row]]:
    """SCD type 2: each key's versions in order, with their intervals."""
    at_instant: dict[str, dict[datetime, Row]] = defaultdict(dict)
    for row in rows:
        instant = bounded(row["version_at"])
        held = at_instant[row[key]].get(instant)
        if held is None or age(row) > age(held):
            at_instant[row[key]][instant] = row
    result: dict[str, list[Row]] = {}
    for natural_key, delivered in at_instant.items():
        kept: list[Row] = []
        for instant in sorted(delivered):
            row = delivered[instant]
            if kept and attributes(kept[-1]) == attributes(row):
                continue
            if kept:
                kept[-1]["effective_to"] = instant
            kept.append({**row, "effective_from": instant if kept else BEGINNING, "effective_to": END})
        result[natural_key] = kept
    return result


def as_of(found: list[Row], instant: datetime) -> Row:
    """The version valid at an instant."""
    [version] = [v for v in found if v["effective_from"] <= instant < v["effective_to"]]
    return version


def allocate(amount: Decimal, weights: Mapping[str, Decimal], most: int = 100) -> dict[str, Decimal]:
    """Largest remainder at 4 decimals; equal shares where a weight is over `most` times their sum."""
    total = sum(weights.values(), ZERO)
    if total == 0 or abs(total) * most < max(abs(w) for w in weights.values()):
        weights, total = dict.fromkeys(weights, Decimal(1)), Decimal(len(weights))
    units = Fraction(amount) / Fraction(UNIT)
    exact = {name: units * Fraction(weight) / Fraction(total) for name, weight in weights.items()}
    shares = {name: share.numerator // share.denominator for name, share in exact.items()}
    left = int(units) - sum(shares.values())
    for name in sorted(exact, key=lambda n: (shares[n] - exact[n], n))[:left]:
        shares[name] += 1
    return {name: share * UNIT for name, share in shares.items()}


def fifths(values: Mapping[Any, Any]) -> dict[Any, int]:
    """1 to 5 by the share of lesser values; equal values have equal scores."""
    return {
        name: 1 + 5 * sum(other < value for other in values.values()) // len(values)
        for name, value in values.items()
    }


def ranks(values: Mapping[Any, Decimal]) -> dict[Any, int]:
    return {name: 1 + sum(other > value for other in values.values()) for name, value in values.items()}


class Model:
    """The warehouse of some accepted rows.

    Args:
        slices: accepted rows by source and day.
        published_day: newest day of the runs that were published.
        calendar: first and last day of dim_date.
    """

    def __init__(
        self,
        slices: Slices,
        published_day: date | None,
        calendar: tuple[date, date] = (date(2024, 1, 1), date(2028, 12, 31)),
        business_timezone: str = "UTC",
        reporting_currency: str = "",
    ) -> None:
        self.zone = ZoneInfo(business_timezone)
        self.currency = reporting_currency
        self.slices = slices
        self.published_day = published_day
        self.calendar = calendar

    def day_of(self, instant: datetime) -> date:
        """The business day of an instant of UTC."""
        inside = min(max(instant, datetime.fromisoformat("0001-01-03")), LAST_INSTANT)
        return (
            inside.replace(tzinfo=UTC).astimezone(self.zone).date()
            if self.zone.key != "UTC"
            else instant.date()
        )

    def rows(self, source: str) -> list[Row]:
        return [row for (name, _day), rows in self.slices.items() if name == source for row in rows]

    # Dimensions ------------------------------------------------------------------------------------------------------

    @cached_property
    def customers(self) -> dict[str, list[Row]]:
        found = versions(self.rows("customers"), "customer_id", lambda row: (row["row_hash"],))
        named = {row["customer_id"] for source in ("orders", "web_events") for row in self.rows(source)} - {
            None
        }
        return {**found, **{key: [inferred()] for key in named - set(found)}}

    @cached_property
    def products(self) -> dict[str, list[Row]]:
        parts = (
            "product_name",
            "category_name",
            "subcategory_name",
            "brand",
            "sku",
            "price",
            "cost",
            "is_active",
        )
        found = versions(self.rows("products"), "product_id", lambda row: tuple(row[part] for part in parts))
        named = {row["product_id"] for source in ("order_items", "web_events") for row in self.rows(source)} - {
            None
        }
        return {**found, **{key: [inferred()] for key in named - set(found)}}

    def dim_customer(self) -> list[Row]:
        names = (
            "first_name",
            "last_name",
            "email",
            "phone",
            "date_of_birth",
            "gender",
            "address",
            "city",
            "state",
            "postal_code",
            "country",
            "customer_segment",
            "registration_date",
        )
        table = []
        for key, found in self.customers.items():
            for v in found:
                full_name = " ".join(part for part in (v.get("first_name"), v.get("last_name")) if part)
                email = v.get("email") or ""
                table.append(
                    {
                        "customer_key": version_key(key, v["effective_from"]),
                        "customer_id": key,
                        **{name: v.get(name) for name in names},
                        "full_name": full_name or None,
                        "email_domain": email.split("@")[1].lower() if "@" in email else None,
                        "effective_from": v["effective_from"],
                        "effective_to": v["effective_to"],
                        "is_current": v["effective_to"] == END,
                        "is_inferred": v.get("is_inferred", False),
                    }
                )
        return table

    def dim_product(self) -> list[Row]:
        names = (
            "product_name",
            "category_name",
            "subcategory_name",
            "brand",
            "sku",
            "price",
            "cost",
            "is_active",
        )
        table = []
        for key, found in self.products.items():
            for v in found:
                price, cost = v.get("price"), v.get("cost")
                margin = None
                if price is not None and cost is not None and price > 0:
                    margin = rounded(100 * Fraction(price - cost) / Fraction(price), 4)
                table.append(
                    {
                        "product_key": version_key(key, v["effective_from"]),
                        "product_id": key,
                        **{name: v.get(name) for name in names},
                        "profit_margin": margin,
                        "price_category": price_category(price),
                        "effective_from": v["effective_from"],
                        "effective_to": v["effective_to"],
                        "is_current": v["effective_to"] == END,
                        "is_inferred": v.get("is_inferred", False),
                    }
                )
        return table

    def dim_geography(self) -> list[Row]:
        places = {line["place"] for line in self.sales}
        return [
            {"geography_key": place_key(place), "country": place[0], "state": place[1], "city": place[2]}
            for place in places
        ]

    # Facts -----------------------------------------------------------------------------------------------------------

    @cached_property
    def headers(self) -> dict[str, Row]:
        return standing(self.rows("orders"), "order_id")

    @cached_property
    def items(self) -> dict[str, Row]:
        return standing(self.rows("order_items"), "order_item_id")

    @cached_property
    def sales(self) -> list[Row]:
        by_order: dict[str, list[Row]] = defaultdict(list)
        for item in self.items.values():
            if item["order_id"] in self.headers:
                by_order[item["order_id"]].append(item)
        return [line for order, items in by_order.items() for line in self._lines(self.headers[order], items)]

    def _lines(self, header: Row, items: list[Row]) -> Iterable[Row]:
        totals = {
            item["order_item_id"]: item["line_total"]
            if item["line_total"] is not None
            else item["quantity"] * item["unit_price"]
            for item in items
        }
        is_huge = any(abs(header[column] or 0) >= 10**12 for column in ("tax", "shipping_cost", "discount"))
        shares = {
            name: allocate(header[column] or ZERO, totals, 1 if is_huge else 100)
            for name, column in (("tax", "tax"), ("shipping", "shipping_cost"), ("discount", "discount"))
        }
        computed, reason = reconciled(header, items, totals)
        instant = bounded(header["order_date"])
        customer = as_of(self.customers[header["customer_id"]], instant) if header["customer_id"] else {}
        place = (header["shipping_country"] or customer.get("country"), *local_place(header, customer))
        meaning = next((m for m, words in STATUSES.items() if header["order_status"] in words), "other")
        # What is left of a refunded order has been paid back; where more came back than was bought, nothing is left.
        is_foreign = bool(self.currency) and (header["currency"] or self.currency).upper() != self.currency
        is_paid_back = (
            not is_foreign and meaning == "refunded" and sum(totals.values()) > (header["discount"] or ZERO)
        )
        is_unsettled = (
            not is_foreign
            and meaning in ("returned", "partially_refunded")
            and all(item["quantity"] >= 0 for item in items)
        )
        for item in items:
            product = as_of(self.products[item["product_id"]], instant)
            line_total = totals[item["order_item_id"]]
            cost = product.get("cost")
            is_excluded = meaning == "cancelled" or is_foreign
            is_revenue = not is_foreign and not (is_excluded and item["quantity"] > 0)
            discount = ZERO if is_excluded else shares["discount"][item["order_item_id"]]
            sold = line_total if is_revenue and item["quantity"] >= 0 else ZERO
            came_back = -line_total if is_revenue and item["quantity"] < 0 else ZERO
            refunds = sold - came_back - discount if is_paid_back else ZERO
            nothing = is_excluded or is_paid_back
            taxes = ZERO if nothing else shares["tax"][item["order_item_id"]]
            shipping = ZERO if nothing else shares["shipping"][item["order_item_id"]]
            net = sold - discount - came_back - refunds
            line_cost = ZERO if not is_revenue else None if cost is None else item["quantity"] * cost
            yield {
                "order_total": header["total_amount"],
                "computed_total": computed,
                "difference_reason": reason,
                "canonical_status": meaning,
                "is_unsettled": is_unsettled,
                "is_unconverted": is_foreign,
                "gross_sales": sold,
                "discounts": discount,
                "returns": came_back + refunds,
                "refunds": refunds,
                "net_sales": net,
                "taxes": taxes,
                "shipping": shipping,
                "total_sales": net + taxes + shipping,
                "cost": line_cost,
                "gross_profit_after_discount": None if line_cost is None else net - line_cost,
                "order_item_id": item["order_item_id"],
                "order_id": header["order_id"],
                "order_timestamp": header["order_date"],
                "order_date": self.day_of(header["order_date"]),
                "customer_id": header["customer_id"],
                "customer_key": version_key(header["customer_id"], customer["effective_from"])
                if customer
                else -1,
                "product_id": item["product_id"],
                "product_key": version_key(item["product_id"], product["effective_from"]),
                "place": tuple(part or "unknown" for part in place),
                "order_status": header["order_status"],
                "payment_method": header["payment_method"],
                "currency": header["currency"],
                "quantity": item["quantity"],
                "unit_price": item["unit_price"],
                "line_total": line_total,
                "tax_amount": shares["tax"][item["order_item_id"]],
                "shipping_amount": shares["shipping"][item["order_item_id"]],
                "discount_amount": shares["discount"][item["order_item_id"]],
                "unit_cost": cost,
                "gross_profit": None if cost is None else line_total - item["quantity"] * cost,
                "is_revenue": is_revenue,
                "is_return": item["quantity"] < 0,
                "delivery_date": item["delivery_date"],
            }

    def fact_sales(self) -> list[Row]:
        return [
            {
                **{name: value for name, value in line.items() if name != "place"},
                "order_date_key": int(f"{line['order_date']:%Y%m%d}"),
                "geography_key": place_key(line["place"]),
            }
            for line in self.sales
        ]

    @cached_property
    def events(self) -> dict[str, Row]:
        """The current events, with the sessions of those that the site sent without one."""
        found = standing(self.rows("web_events"), "event_id")
        visits: dict[tuple[str, str], list[Row]] = defaultdict(list)
        for event in found.values():
            if event["is_session_derived"]:
                customer = event["customer_id"]
                visits["customer" if customer else "client", customer or event["session_id"]].append(event)
        result = dict(found)
        for (kind, who), events in visits.items():
            first = last = None
            for event in sorted(events, key=lambda event: event["event_timestamp"]):
                instant = event["event_timestamp"]
                if last is None or instant - last >= timedelta(minutes=30):
                    first = instant
                last = instant
                visitor = f"c:{who}" if kind == "customer" else who
                said = f"{visitor}|{first.isoformat(sep=' ', timespec='microseconds')}"
                result[event["event_id"]] = {
                    **event,
                    "session_id": "d-" + hashlib.md5(said.encode()).hexdigest(),
                    "session_started_at": first,
                    "visitor_id": event["session_id"],
                }
        return result

    def fact_web_events(self) -> list[Row]:
        names = (
            "event_id",
            "event_timestamp",
            "customer_id",
            "product_id",
            "session_id",
            "is_session_derived",
            "session_started_at",
            "visitor_id",
            "event_type",
            "page_url",
            "referrer",
            "device_type",
            "browser",
        )
        table = []
        for event in self.events.values():
            instant = bounded(event["event_timestamp"])
            row = {name: event.get(name) for name in names}
            row["event_date"] = self.day_of(event["event_timestamp"])
            row["event_date_key"] = int(f"{row['event_date']:%Y%m%d}")
            for part, dimension in (("customer", self.customers), ("product", self.products)):
                key = event[f"{part}_id"]
                row[f"{part}_key"] = (
                    version_key(key, as_of(dimension[key], instant)["effective_from"]) if key else -1
                )
            table.append(row)
        return table

    def fact_inventory(self) -> list[Row]:
        units = Counter[tuple[str, date]]()
        for line in self.sales:
            if line["is_revenue"]:
                units[line["product_id"], line["order_date"]] += line["quantity"]
        table = []
        for (source, day), rows in self.slices.items():
            if source != "products":
                continue
            for row in standing(rows, "product_id").values():
                if row["stock_quantity"] is None:
                    continue
                key = row["product_id"]
                sold = sum(units[key, day - timedelta(days=back)] for back in range(28))
                end_of_day = datetime.combine(day, time.max)
                cover = rounded(Fraction(row["stock_quantity"]) * 28 / sold) if sold > 0 else None
                table.append(
                    {
                        "snapshot_date": day,
                        "snapshot_date_key": int(f"{day:%Y%m%d}"),
                        "product_key": version_key(
                            key, as_of(self.products[key], end_of_day)["effective_from"]
                        ),
                        "product_id": key,
                        "stock_quantity": row["stock_quantity"],
                        "units_sold_28d": sold,
                        "days_of_supply": cover,
                    }
                )
        return table

    # Views -----------------------------------------------------------------------------------------------------------

    @cached_property
    def revenue(self) -> list[Row]:
        return [line for line in self.sales if line["is_revenue"]]

    def customer_360(self) -> list[Row]:
        table: dict[str, Row] = {}
        for key, found in self.customers.items():
            lines = [line for line in self.revenue if line["customer_id"] == key]
            orders = {line["order_id"] for line in lines}
            days = [line["order_date"] for line in lines]
            value = total(lines)
            current = found[-1]
            full_name = " ".join(part for part in (current.get("first_name"), current.get("last_name")) if part)
            recency = (self.published_day - max(days)).days if days and self.published_day else None
            status = "never_ordered"
            if days:
                status = "churned"
                if recency is not None and recency <= 90:
                    status = "active" if recency <= 30 else "at_risk"
            table[key] = {
                "customer_id": key,
                "full_name": full_name or None,
                **{
                    name: current.get(name)
                    for name in ("customer_segment", "city", "state", "country", "registration_date")
                },
                "first_order_date": min(days, default=None),
                "last_order_date": max(days, default=None),
                "total_orders": len(orders),
                "lifetime_value": value,
                "average_order_value": ratio(value, len(orders)),
                "unique_products": len({line["product_id"] for line in lines}),
                "recency_days": recency,
                "frequency": len(orders),
                "monetary": value,
                "customer_status": status,
            }
        buyers = [key for key, row in table.items() if row["total_orders"]]
        scores = {
            name: fifths({key: table[key][column] for key in buyers})
            for name, column in (
                ("recency", "last_order_date"),
                ("frequency", "total_orders"),
                ("monetary", "lifetime_value"),
            )
        }
        for key, row in table.items():
            for name, tiles in scores.items():
                row[f"{name}_score"] = tiles.get(key)
            found_scores = [str(tiles[key]) for tiles in scores.values() if key in tiles]
            row["rfm_score"] = "".join(found_scores) or None
        return list(table.values())

    @cached_property
    def _product_totals(self) -> dict[str, Row]:
        table = {}
        for key, found in self.products.items():
            lines = [line for line in self.revenue if line["product_id"] == key]
            costed = [line for line in lines if line["gross_profit"] is not None]
            table[key] = {
                "current": found[-1],
                "lines": lines,
                "units_sold": sum(line["quantity"] for line in lines),
                "total_revenue": total(lines),
                "costed_revenue": total(costed),
                "gross_profit": sum((line["gross_profit"] for line in costed), ZERO) if costed else None,
                "units_gross": sum(line["quantity"] for line in lines if line["quantity"] > 0),
                "units_returned": -sum(line["quantity"] for line in lines if line["quantity"] < 0),
            }
        return table

    def product_performance(self) -> list[Row]:
        totals = self._product_totals
        overall = ranks({key: row["total_revenue"] for key, row in totals.items()})
        table = []
        for key, row in totals.items():
            current = row["current"]
            category = current.get("category_name")
            rivals = {
                k: r["total_revenue"]
                for k, r in totals.items()
                if r["current"].get("category_name") == category
            }
            table.append(
                {
                    "product_id": key,
                    "product_name": current.get("product_name"),
                    "category_name": category,
                    "brand": current.get("brand"),
                    "current_price": current.get("price"),
                    "current_cost": current.get("cost"),
                    "units_sold": row["units_sold"],
                    "total_revenue": row["total_revenue"],
                    "gross_profit": row["gross_profit"],
                    "gross_margin_percent": ratio(row["gross_profit"] or ZERO, row["costed_revenue"], 100),
                    "orders": len({line["order_id"] for line in row["lines"]}),
                    "customers": len({line["customer_id"] for line in row["lines"]} - {None}),
                    "return_rate_percent": ratio(row["units_returned"], row["units_gross"], 100),
                    "revenue_rank_in_category": ranks(rivals)[key],
                    "overall_revenue_rank": overall[key],
                }
            )
        return table

    def monthly_sales_trends(self) -> list[Row]:
        by_month: dict[date, list[Row]] = defaultdict(list)
        for line in self.revenue:
            by_month[line["order_date"].replace(day=1)].append(line)
        table: list[Row] = []
        previous: Row | None = None
        month = self.calendar[0].replace(day=1)
        while by_month and month <= min(max(by_month), self.calendar[1]):
            if month >= min(by_month):
                lines = by_month.get(month, [])
                orders = len({line["order_id"] for line in lines})
                row = {
                    "year_number": month.year,
                    "month_number": month.month,
                    "month_name": f"{month:%B}",
                    "quarter_number": (month.month + 2) // 3,
                    "total_orders": orders,
                    "unique_customers": len({line["customer_id"] for line in lines} - {None}),
                    "units_sold": sum(line["quantity"] for line in lines),
                    "total_revenue": total(lines),
                    "average_order_value": ratio(total(lines), orders),
                    "revenue_growth_percent": None,
                    "customer_growth_percent": None,
                }
                if previous is not None:
                    for name, column in (("revenue", "total_revenue"), ("customer", "unique_customers")):
                        row[f"{name}_growth_percent"] = ratio(
                            row[column] - previous[column], previous[column], 100
                        )
                table.append(row)
                previous = row
            month = (month + timedelta(days=31)).replace(day=1)
        return table

    def geographic_sales(self) -> list[Row]:
        by_place: dict[tuple[str, str, str], list[Row]] = defaultdict(list)
        for line in self.revenue:
            by_place[line["place"]].append(line)
        everything = total(self.revenue)
        rank = ranks({place: total(lines) for place, lines in by_place.items()})
        table = []
        for place, lines in by_place.items():
            customers = len({line["customer_id"] for line in lines} - {None})
            table.append(
                {
                    "country": place[0],
                    "state": place[1],
                    "city": place[2],
                    "total_customers": customers,
                    "total_orders": len({line["order_id"] for line in lines}),
                    "total_revenue": total(lines),
                    "revenue_per_customer": ratio(total(lines), customers),
                    "revenue_share_percent": ratio(total(lines), everything, 100),
                    "revenue_rank": rank[place],
                }
            )
        return table

    def _statement(self, groups: Mapping[Any, list[Row]], name: str | None) -> list[Row]:
        """One row of a statement per group of lines, under the name of their key; None: the key has the columns."""
        table = []
        for key, lines in groups.items():
            costed = [line for line in lines if line["cost"] is not None]
            sums = {column: sum((line[column] for line in lines), ZERO) for column in AMOUNTS}
            cost = sum((line["cost"] for line in costed), ZERO)
            before = total(costed) - cost
            net = sum((line["net_sales"] for line in costed), ZERO)
            table.append(
                {
                    **(dict(key) if name is None else {name: key}),
                    "units_sold": sum(line["quantity"] for line in lines),
                    **sums,
                    "cost": cost if costed else None,
                    "gross_profit_before_discount": before if costed else None,
                    "margin_before_discount_percent": ratio(before, total(costed), 100),
                    "gross_profit_after_discount": net - cost if costed else None,
                    "margin_after_discount_percent": ratio(net - cost, net, 100),
                    "total_revenue": total(lines),
                    "unsettled_orders": len({line["order_id"] for line in lines if line["is_unsettled"]}),
                    "orders": len({line["order_id"] for line in lines}),
                }
            )
        return table

    def sales_statement(self) -> list[Row]:
        groups: dict[Any, list[Row]] = defaultdict(list)
        for line in self.revenue:
            place = zip(("country", "state", "city"), line["place"], strict=True)
            groups[("order_date", line["order_date"]), *place].append(line)
        return self._statement(groups, None)

    def _by_time(self, name: str, first: Callable[[date], date], days: int) -> list[Row]:
        groups: dict[date, list[Row]] = defaultdict(list)
        for line in self.revenue:
            groups[first(line["order_date"])].append(line)
        if groups:
            day = max(min(groups), first(self.calendar[0]))
            while day <= min(max(groups), self.calendar[1]):
                groups[day] = groups.get(day, [])
                day = first(day + timedelta(days=days))
        return [{**row, "net_revenue": row["net_sales"]} for row in self._statement(groups, name)]

    def daily_sales(self) -> list[Row]:
        return self._by_time("order_date", lambda day: day, 1)

    def monthly_statement(self) -> list[Row]:
        return self._by_time("month_start", lambda day: day.replace(day=1), 31)

    def order_statement(self) -> list[Row]:
        groups: dict[Any, list[Row]] = defaultdict(list)
        for line in self.revenue:
            names = ("order_id", "customer_id", "order_date", "canonical_status")
            groups[tuple((name, line[name]) for name in names)].append(line)
        return [
            {
                **{name: value for name, value in row.items() if name not in ("orders", "unsettled_orders")},
                "is_unsettled": row["unsettled_orders"] > 0,
            }
            for row in self._statement(groups, None)
        ]

    def order_reconciliation(self) -> list[Row]:
        names = ("order_id", "order_date", "canonical_status", "currency", "order_total", "computed_total")
        orders = {line["order_id"]: line for line in self.revenue}
        return [
            {
                **{name: line[name] for name in (*names, "difference_reason")},
                "difference": None
                if line["order_total"] is None
                else line["order_total"] - line["computed_total"],
            }
            for line in orders.values()
        ]

    def category_performance(self) -> list[Row]:
        by_category: dict[str, list[Row]] = defaultdict(list)
        for row in self._product_totals.values():
            by_category[row["current"].get("category_name") or "unknown"].append(row)
        revenue = {name: sum((r["total_revenue"] for r in rows), ZERO) for name, rows in by_category.items()}
        everything = sum(revenue.values(), ZERO)
        rank = ranks(revenue)
        table = []
        for name, rows in by_category.items():
            profits = [row["gross_profit"] for row in rows if row["gross_profit"] is not None]
            profit = sum(profits, ZERO) if profits else None
            table.append(
                {
                    "category_name": name,
                    "products": len(rows),
                    "units_sold": sum(row["units_sold"] for row in rows),
                    "total_revenue": revenue[name],
                    "gross_profit": profit,
                    "gross_margin_percent": ratio(
                        profit or ZERO, sum((row["costed_revenue"] for row in rows), ZERO), 100
                    ),
                    "return_rate_percent": ratio(
                        sum(row["units_returned"] for row in rows), sum(row["units_gross"] for row in rows), 100
                    ),
                    "revenue_share_percent": ratio(revenue[name], everything, 100),
                    "revenue_rank": rank[name],
                }
            )
        return table

    def customer_cohorts(self) -> list[Row]:
        months: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
        for line in self.revenue:
            if line["customer_id"] is not None:
                months[line["customer_id"]][line["order_date"].replace(day=1)] += line["line_total"]
        sizes = Counter(min(active) for active in months.values())
        cells: dict[tuple[date, int], Row] = {}
        for active in months.values():
            first = min(active)
            for month, revenue in active.items():
                distance = (month.year - first.year) * 12 + month.month - first.month
                cell = cells.setdefault((first, distance), {"customers": 0, "revenue": ZERO})
                cell["customers"] += 1
                cell["revenue"] += revenue
        return [
            {
                "cohort_month": first,
                "months_since_first": distance,
                "cohort_size": sizes[first],
                "active_customers": cell["customers"],
                "retention_percent": ratio(cell["customers"], sizes[first], 100),
                "revenue": cell["revenue"],
            }
            for (first, distance), cell in cells.items()
        ]

    def sales_funnel(self) -> list[Row]:
        stages = {
            "view": {"page_view", "product_view", "view"},
            "cart": {"add_to_cart"},
            "checkout": {"checkout", "begin_checkout"},
            "purchase": {"purchase"},
        }
        by_day: dict[date, list[Row]] = defaultdict(list)
        for event in self.events.values():
            by_day[self.day_of(event["event_timestamp"])].append(event)
        table = []
        for day, events in by_day.items():
            row: Row = {"event_date": day, "sessions": len({e["session_id"] for e in events} - {None})}
            for stage, types in stages.items():
                row[f"sessions_with_{stage}"] = len(
                    {e["session_id"] for e in events if e["event_type"] in types} - {None}
                )
            lines = [line for line in self.revenue if line["order_date"] == day]
            row["orders"] = len({line["order_id"] for line in lines})
            row["revenue"] = total(lines)
            row["cart_rate_percent"] = ratio(row["sessions_with_cart"], row["sessions"], 100)
            row["conversion_rate_percent"] = ratio(row["sessions_with_purchase"], row["sessions"], 100)
            table.append(row)
        return table

    # Ledger ----------------------------------------------------------------------------------------------------------

    def held(self) -> list[Row]:
        return [item for item in self.items.values() if item["order_id"] not in self.headers]


def reconciled(header: Row, items: list[Row], totals: Mapping[str, Decimal]) -> tuple[Decimal, str]:
    """The order's total from its lines, and why the shop's differs from it."""
    given = header["total_amount"]
    tax = header["tax"] or ZERO
    extras = tax + (header["shipping_cost"] or ZERO) - (header["discount"] or ZERO)
    sold = sum((totals[item["order_item_id"]] for item in items if item["quantity"] >= 0), ZERO)
    standing = sum(totals.values(), ZERO)
    computed = (standing if given == standing + extras else sold) + extras
    if given is None:
        return computed, "no_total"
    left, room = given - computed, Decimal("0.01") * len(items)
    missing = None if header["subtotal"] is None else header["subtotal"] - sold
    if left == 0:
        return computed, "equal"
    if abs(left) <= room:
        return computed, "rounding"
    if tax and abs(left + tax) <= room:
        return computed, "tax_inclusive"
    if missing and abs(left - missing) <= room:
        return computed, "missing_line" if missing > 0 else "extra_line"
    return computed, "unknown"


def inferred() -> Row:
    return {"effective_from": BEGINNING, "effective_to": END, "is_inferred": True}


def price_category(price: Decimal | None) -> str:
    if price is None:
        return "unknown"
    if price == 0:
        return "free"
    return next(
        (name for limit, name in ((500, "budget"), (2000, "standard"), (10000, "premium")) if price < limit),
        "luxury",
    )


def local_place(header: Row, customer: Row) -> tuple[str | None, str | None]:
    if header["shipping_state"] is None and header["shipping_city"] is None:
        return customer.get("state"), customer.get("city")
    return header["shipping_state"], header["shipping_city"]


def total(lines: Iterable[Row]) -> Decimal:
    return sum((line["line_total"] for line in lines), ZERO)
