"""What goes wrong on a channel server: each fault as a client sees it, and when it strikes."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_pixipack.channel import BuiltChannel, StubChannel
from pytest_pixipack.channel.server import ChannelServer
from pytest_pixipack.channel.server_faults import Fault, FaultPlan, parse_fault
from pytest_pixipack.errors import InvalidInput

pytestmark = pytest.mark.slow

Serve = Callable[..., ChannelServer]
PACKAGE = "noarch/zlib-1.3-h0_0.conda"


def size_of(channel: BuiltChannel) -> int:
    return (channel.path / PACKAGE).stat().st_size


@pytest.mark.parametrize("status", [404, 429, 500, 503])
def test_a_status(status: int, serve: Serve, client: httpx.Client) -> None:
    server = serve(faults=[f"{status},retry-after=7,count=1"])

    answer = client.get(f"{server.url}/{PACKAGE}")

    assert (answer.status_code, answer.headers["retry-after"]) == (status, "7")
    assert client.get(f"{server.url}/{PACKAGE}").status_code == 200


def test_a_body_that_ends_too_soon(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    server = serve(faults=["truncate=100"])
    with pytest.raises(httpx.RemoteProtocolError) as caught:
        client.get(f"{server.url}/{PACKAGE}")
    assert f"received 100 bytes, expected {size_of(channel)}" in str(caught.value)
    assert server.log[0].sent == 100


def test_a_body_that_ends_too_soon_and_does_not_say_so(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    answer = client.get(f"{serve(faults=['cut=100']).url}/{PACKAGE}")
    assert answer.content == (channel.path / PACKAGE).read_bytes()[:100]
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("amount", [0, 100])
def test_a_connection_that_is_reset(amount: int, serve: Serve, client: httpx.Client) -> None:
    server = serve(faults=[f"reset={amount}"])
    with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
        client.get(f"{server.url}/{PACKAGE}")
    assert server.log[0].status == (200 if amount else None)
    assert server.log[0].sent == amount


@pytest.mark.parametrize("amount", [0, 100])
def test_a_server_that_stalls_until_the_client_leaves(
    amount: int, serve: Serve, client: httpx.Client
) -> None:
    server = serve(faults=[f"stall={amount}"])
    with pytest.raises(httpx.ReadTimeout):
        client.get(f"{server.url}/{PACKAGE}")
    assert server.log[0].sent == amount


def test_a_server_that_stalls_can_be_closed(serve: Serve) -> None:
    server = serve(faults=["stall"])
    with httpx.Client(trust_env=False, timeout=20) as patient:
        request = patient.build_request("GET", f"{server.url}/{PACKAGE}")
        answers: list[object] = []

        def ask() -> None:
            try:
                answers.append(patient.send(request))
            except httpx.HTTPError as error:
                answers.append(error)

        thread = threading.Thread(target=ask)
        thread.start()
        while not server.log:
            pass
        server.close()
        thread.join()
    assert isinstance(answers[0], httpx.TransportError)


def test_a_slow_body_is_whole(serve: Serve, client: httpx.Client, channel: BuiltChannel) -> None:
    answer = client.get(f"{serve(faults=['drip=20000']).url}/{PACKAGE}")
    assert answer.content == (channel.path / PACKAGE).read_bytes()


def test_a_length_that_is_too_long(serve: Serve, client: httpx.Client) -> None:
    with pytest.raises(httpx.RemoteProtocolError, match="without sending complete"):
        client.get(f"{serve(faults=['wrong-length=5']).url}/{PACKAGE}")


def test_a_length_that_is_too_short(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    with client.stream("GET", f"{serve(faults=['wrong-length=-5']).url}/{PACKAGE}") as answer:
        assert int(answer.headers["content-length"]) == size_of(channel) - 5


@pytest.mark.parametrize("place", [None, 0, 41])
def test_one_byte_is_another(
    place: int | None, serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    right = (channel.path / PACKAGE).read_bytes()
    server = serve(faults=["corrupt" if place is None else f"corrupt={place}"])

    found = client.get(f"{server.url}/{PACKAGE}").content

    different = [at for at in range(len(right)) if right[at] != found[at]]
    assert different == [len(right) // 2 if place is None else place]
    assert len(found) == len(right)


def test_the_altered_byte_is_one_of_the_file_not_of_the_part(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    right = (channel.path / PACKAGE).read_bytes()
    url = f"{serve(faults=['corrupt=50']).url}/{PACKAGE}"

    first, second = (
        client.get(url, headers={"Range": asked}).content for asked in ("bytes=0-49", "bytes=50-")
    )

    assert first == right[:50]
    assert second == bytes([right[50] ^ 0xFF]) + right[51:]


def test_repodata_from_before_a_package_was_there(serve: Serve, client: httpx.Client) -> None:
    server = serve(faults=["stale=zlib-*,count=1,path=*/repodata.json"])
    before, after = (
        client.get(f"{server.url}/noarch/repodata.json").json()["packages.conda"] for _ in "12"
    )
    assert list(before) == []
    assert list(after) == ["zlib-1.3-h0_0.conda"]
    assert client.get(f"{server.url}/{PACKAGE}").status_code == 200


def test_repodata_of_an_older_channel(
    serve: Serve, client: httpx.Client, tmp_path: object, channel: BuiltChannel
) -> None:
    older = StubChannel("mine").add("zlib", "1.2").build(channel.path.parent / "older")
    server = serve(faults=[Fault("stale", older=older.path)])
    known = client.get(f"{server.url}/noarch/repodata.json").json()["packages.conda"]
    assert list(known) == ["zlib-1.2-h0_0.conda"]
    assert client.get(f"{server.url}/noarch/zlib-1.2-h0_0.conda").status_code == 404


def test_stale_repodata_have_another_tag(serve: Serve, client: httpx.Client) -> None:
    server = serve(faults=["stale=zlib-*,count=1"])
    url = f"{server.url}/noarch/repodata.json.zst"
    tag = client.get(url).headers["etag"]
    assert client.get(url, headers={"If-None-Match": tag}).status_code == 200


def test_the_way_to_another_server(serve: Serve, client: httpx.Client) -> None:
    there = serve()
    here = serve(faults=[f"redirect={there.url},path=*.conda"])

    answer = client.get(f"{here.url}/{PACKAGE}", follow_redirects=True)

    assert answer.status_code == 200
    assert [each.status_code for each in answer.history] == [302]
    assert there.log.paths == (f"/mine/{PACKAGE}",)


def struck(text: str, requests: int) -> list[int]:
    plan = FaultPlan.of([text])
    return [number for number in range(1, requests + 1) if plan.next("/mine/a.conda")]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("503", [1, 2, 3, 4, 5, 6, 7, 8]),
        ("503,count=2", [1, 2]),
        ("503,nth=3", [3, 4, 5, 6, 7, 8]),
        ("503,nth=3,count=1", [3]),
        ("503,flapping", [1, 3, 5, 7]),
        ("503,flapping,nth=2,count=2", [2, 4]),
    ],
)
def test_which_requests_are_struck(text: str, numbers: list[int]) -> None:
    assert struck(text, 8) == numbers


def test_each_fault_counts_its_own_requests_and_the_first_strikes() -> None:
    plan = FaultPlan.of(["503,path=*.conda,nth=2,count=1", "reset,count=3"])
    found = [plan.next(path) for path in ("/a.conda", "/a.json", "/b.conda", "/c.conda")]
    assert [str(each) if each else None for each in found] == [
        "reset,count=3",
        "reset,count=3",
        "503,path=*.conda,nth=2,count=1",
        "reset,count=3",
    ]


def test_a_fault_that_another_one_was_before_strikes_later(
    serve: Serve, client: httpx.Client
) -> None:
    server = serve(faults=["truncate=10,count=1", "503,count=1"])
    with pytest.raises(httpx.RemoteProtocolError):
        client.get(f"{server.url}/{PACKAGE}")
    assert client.get(f"{server.url}/{PACKAGE}").status_code == 503
    assert client.get(f"{server.url}/{PACKAGE}").status_code == 200


@pytest.mark.parametrize(
    "fault", ["truncate=10", "cut=10", "reset=10", "stall=10", "drip=9999", "corrupt", "corrupt=10"]
)
def test_what_has_no_body_is_not_struck_and_does_not_count(
    fault: str, serve: Serve, client: httpx.Client
) -> None:
    server = serve(faults=[f"{fault},count=1"])
    assert client.head(f"{server.url}/{PACKAGE}").status_code == 200
    assert client.get(f"{server.url}/no/such-file").status_code == 404
    assert [each.fault for each in server.log] == [None, None]
    with contextlib.suppress(httpx.HTTPError):
        client.get(f"{server.url}/{PACKAGE}")
    assert server.log[-1].fault == f"{fault},count=1"


@pytest.mark.parametrize(
    ("fault", "before"),
    [
        ("truncate=10", ["bytes=5-14"]),
        ("cut=4", ["bytes=0-3"]),
        ("corrupt=100", ["bytes=0-99", "bytes=101-"]),
        ("corrupt", ["bytes=0-9"]),
    ],
)
def test_a_part_that_a_fault_leaves_as_it_is_does_not_count(
    fault: str, before: list[str], serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    server = serve(faults=[f"{fault},count=1"])
    url = f"{server.url}/{PACKAGE}"
    for part in before:
        assert client.get(url, headers={"Range": part}).status_code == 206
    assert not server.log.faults
    with contextlib.suppress(httpx.HTTPError):
        assert client.get(url).content != (channel.path / PACKAGE).read_bytes()
    assert len(server.log.faults) == 1


@pytest.mark.parametrize("fault", ["truncate", "cut", "reset", "stall", "corrupt"])
def test_behind_the_last_byte_nothing_is_struck(
    fault: str, serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    server = serve(faults=[f"{fault}={size_of(channel)}"])
    assert client.get(f"{server.url}/{PACKAGE}").content == (channel.path / PACKAGE).read_bytes()
    assert not server.log.faults


def test_stale_are_only_repodata_that_had_the_package(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    server = serve(faults=["stale=zlib-*,count=1"])
    others = ["no/such-file", PACKAGE, "linux-64/repodata.json", "linux-64/repodata.json.zst"]
    for other in (*others, "linux-64/repodata_shards.msgpack.zst"):
        client.get(f"{server.url}/{other}")
    assert not server.log.faults
    here = channel.path / "linux-64" / "repodata.json"
    assert client.get(f"{server.url}/linux-64/repodata.json").content == here.read_bytes()
    stale = client.get(f"{server.url}/noarch/repodata.json").json()
    assert stale["packages.conda"] == {}
    assert len(server.log.faults) == 1


def test_a_channel_that_is_the_same_is_not_older(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    server = serve(faults=[Fault("stale", older=channel.path)])
    assert client.get(f"{server.url}/noarch/repodata.json").status_code == 200
    assert not server.log.faults


def test_repodata_that_are_none_cannot_be_stale(
    serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    (channel.path / "noarch" / "repodata.json").write_bytes(b"[]")
    server = serve(faults=["stale=zlib-*"])
    assert client.get(f"{server.url}/noarch/repodata.json").content == b"[]"
    assert not server.log.faults


def test_a_status_comes_with_its_words_where_nothing_had_changed(
    serve: Serve, client: httpx.Client
) -> None:
    server = serve(faults=["503,nth=2"])
    url = f"{server.url}/{PACKAGE}"
    tag = client.get(url).headers["etag"]
    found = client.get(url, headers={"If-None-Match": tag})
    assert (found.status_code, found.text) == (503, "503 Service Unavailable\n")


def test_a_status_that_is_the_answer_anyway_is_no_fault(serve: Serve, client: httpx.Client) -> None:
    server = serve(faults=["404,count=1"])
    assert client.get(f"{server.url}/no/such-file").status_code == 404
    assert not server.log.faults
    assert client.get(f"{server.url}/{PACKAGE}").status_code == 404
    assert len(server.log.faults) == 1


@pytest.mark.parametrize(("fault", "length"), [("wrong-length=-9", 0), ("wrong-length=2", 2)])
def test_an_empty_file_has_no_length_that_is_too_short(
    fault: str, length: int, serve: Serve, client: httpx.Client, channel: BuiltChannel
) -> None:
    (channel.path / "noarch" / "empty").touch()
    server = serve(faults=[fault])
    found = client.head(f"{server.url}/noarch/empty")
    assert int(found.headers["content-length"]) == length
    assert len(server.log.faults) == (1 if length else 0)


@pytest.mark.parametrize("status", [420, 499, 520, 522, 599])
def test_a_status_without_a_name_is_sent_as_well(
    status: int, serve: Serve, client: httpx.Client
) -> None:
    server = serve(faults=[str(status)])
    assert client.get(f"{server.url}/{PACKAGE}").status_code == status
    assert [(each.status, each.fault) for each in server.log] == [(status, str(status))]


def test_a_path_is_the_same_however_it_is_spelled(serve: Serve, client: httpx.Client) -> None:
    server = serve(faults=["503,path=*.conda"])
    spelled = PACKAGE.replace(".conda", "%2ec%6fnda")
    assert client.get(httpx.URL(f"{server.url}/{spelled}")).status_code == 503


def test_a_redirect_keeps_the_query_of_its_target(serve: Serve, client: httpx.Client) -> None:
    server = serve(faults=["redirect=http://127.0.0.1:1/x?sig=abc"])
    answer = client.get(f"{server.url}/{PACKAGE}", follow_redirects=False)
    assert answer.headers["location"] == f"http://127.0.0.1:1/x/{PACKAGE}?sig=abc"


@pytest.mark.parametrize(
    "fault", [503, None, "503,retry-after=-1", "503,nth=1,nth=2", "truncate=1_0", "truncate=٣"]
)
def test_what_is_no_fault_is_refused_at_once(fault: Any, serve: Serve) -> None:
    with pytest.raises(InvalidInput):
        serve(faults=[fault])


def test_faults_can_change_while_it_runs(serve: Serve, client: httpx.Client) -> None:
    server = serve()
    server.fail("500")
    assert client.get(f"{server.url}/{PACKAGE}").status_code == 500
    server.fail()
    assert client.get(f"{server.url}/{PACKAGE}").status_code == 200
    assert [each.fault for each in server.log] == ["500", None]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "There is no fault ``"),
        ("explode", "There is no fault `explode`"),
        ("200", "a status from 400 to 599, not 200"),
        ("truncate", "needs a number of bytes"),
        ("truncate=many", "`many` is not a number"),
        ("truncate=-1", "not negative"),
        ("drip=0", "at least one byte per second"),
        ("wrong-length=0", "another number of bytes"),
        ("redirect=there", "needs the URL"),
        ("stale", "needs the packages"),
        ("503,nth=0", "from 1"),
        ("503,count=x", "`x` is not a number"),
        ("reset,retry-after=3", "`retry-after=3` is not understood"),
        ("503,often", "`often` is not understood"),
    ],
)
def test_a_fault_that_cannot_be_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(InvalidInput, match=sentence):
        parse_fault(text)


@given(
    st.builds(
        Fault,
        st.sampled_from(["truncate", "cut", "reset", "stall", "drip", "wrong-length", "corrupt"]),
        amount=st.integers(1, 10**9),
        path=st.sampled_from(["*", "*.conda", "*/noarch/repodata.json*"]),
        nth=st.integers(1, 99),
        count=st.none() | st.integers(1, 99),
        flapping=st.booleans(),
    )
)
def test_a_fault_is_written_as_it_is_read(fault: Fault) -> None:
    assert parse_fault(str(fault)) == fault


def test_the_log_is_one_line_per_request(serve: Serve, client: httpx.Client) -> None:
    server = serve(faults=["404,nth=2"])
    client.get(f"{server.url}/{PACKAGE}", headers={"Range": "bytes=0-9"})
    client.head(f"{server.url}/{PACKAGE}")
    assert str(server.log) == (
        f"GET  /mine/{PACKAGE}  206  10 bytes  bytes=0-9\n"
        f"HEAD  /mine/{PACKAGE}  404  0 bytes  fault 404,nth=2"
    )
    assert len(server.log.matching("*.conda", method="HEAD")) == 1
    assert len(server.log.faults) == 1
    assert json.dumps(server.log.paths)
    server.clear_log()
    assert len(server.log) == 0
