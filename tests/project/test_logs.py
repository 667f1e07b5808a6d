"""What the log says of requests that are refused."""

import httpx

from tests.support.server import Server


def test_a_request_for_a_host_that_is_not_ours_is_one_line_of_the_log(server: Server) -> None:
    before = server.log_path.stat().st_size
    asked = {"Host": "another.example", "Accept": "text/html"}
    assert httpx.get(server.url, headers=asked, timeout=60).status_code == 400
    with server.log_path.open("rb") as log:
        log.seek(before)
        lines = log.read().decode().splitlines()
    (said,) = [line for line in lines if "another.example" in line]
    assert "[warning" in said
    assert not [line for line in lines if line.startswith("Traceback") or "DisallowedHost(" in line]
