"""The plugin that Airflow loads: the Data quality page of the web UI.

Operators and sensors need no plugin; DAGs import them. Every Airflow process loads this file, so the page itself is
imported only where it is served.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin


class EcommerceDwhPlugin(AirflowPlugin):
    """Mounts the page on the API server and puts it into the navigation.

    In the UI it lives at ``/plugin/data-quality``, in a frame that shows ``/data-quality/``.
    """

    name = "ecommerce_dwh"
    # Relative: the UI resolves it against its own base, which may be a path below a proxy.
    external_views = [  # noqa: RUF012 - the attribute's form in Airflow
        {
            "name": "Data quality",
            "href": "data-quality/",
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "data-quality",
            "icon": "data-quality/static/icon.svg",
            "icon_dark_mode": "data-quality/static/icon-dark.svg",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override]
        """Read by the API server only; schedulers, workers and processors never import the page."""
        from ecommerce_dwh.quality.page.app import URL_PREFIX, create_app

        return [{"app": create_app(), "url_prefix": URL_PREFIX, "name": "Data quality"}]
