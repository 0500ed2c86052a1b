"""Whether a provider is there, found out at no cost."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request

TIMEOUT_S = 5.0


def trouble_at(base_url: str, key: str) -> str | None:
    """Ask for the list of models. Any answer but a 5xx is one: whoever says no is there."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(f"{base_url.rstrip('/')}/models", headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stay)
    try:
        with opener.open(request, timeout=TIMEOUT_S):
            return None
    except urllib.error.HTTPError as error:
        return f"{base_url} answers with status {error.code}" if error.code >= 500 else None
    except (OSError, http.client.HTTPException) as error:
        return f"no answer from {base_url}: {str(error).replace(key, '[key]') if key else error}"


class _Stay(urllib.request.HTTPRedirectHandler):
    """The key goes nowhere else."""

    def redirect_request(self, *_: object) -> None:
        return None
