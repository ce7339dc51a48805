"""Contacts: stored many at a time, looked for, paged through, edited, explained."""

from __future__ import annotations

import random
from typing import Any

from tests.web.api.conftest import Api


def test_many_at_once_and_again(api: Api) -> None:
    people = [{"email": f"p{n:05}@example.com", "zip_code": "90210", "last_name": f"N{n % 7}"}
              for n in range(10_000)]  # fmt: skip
    first = api.post("/contacts/bulk", people)
    assert (first["read"], first["created"], first["problems"]) == (10_000, 10_000, [])
    people[3]["first_name"] = "Ann"
    people[4] = {"email": "nobody"}
    again = api.post("/contacts/bulk", people)
    assert (again["created"], again["updated"], again["unchanged"], again["rejected"]) == (0, 1, 9_998, 1)
    assert again["problems"] == [
        {"index": 4, "kind": "rejected", "field": "email", "why": "not an email address: it has no @"}
    ]
    assert api.call("POST", "/contacts/bulk", [*people, people[0]]).status_code == 422
    assert api.rows("select count(*) from contacts where state = 'CA'") == [(10_000,)]
    seen = [one["id"] for one in api.pages("/contacts?last_name=n3&state=CA", 500)]
    assert (
        len(seen) == len(set(seen)) == api.rows("select count(*) from contacts where last_name = 'N3'")[0][0]
    )


def test_a_dry_run_stores_nothing_and_what_is_left_out_erases_nothing(api: Api) -> None:
    assert api.post("/contacts/bulk?dry_run=true", [{"email": "a@example.com"}])["created"] == 1
    assert api.get("/contacts")["items"] == []
    api.some_contacts()
    api.post("/contacts/bulk", [{"email": "MARIA@example.com", "first_name": None, "tags": ["vip"]}])
    (maria,) = api.get("/contacts?email=maria@")["items"]  # on PostgreSQL the dry run has used an id up
    assert (maria["first_name"], maria["state"], maria["tags"]) == ("Maria", "CA", ["gold", "vip"])
    assert api.post("/contacts/bulk", [])["read"] == 0
    reserved = api.post("/contacts/bulk", [{"email": "a@example.com", "attributes": {"email": "x"}}])
    assert reserved["problems"][0]["field"] == "attributes"


def test_searches_find_what_begins_so_in_order(api: Api) -> None:
    chance = random.Random(7)
    letters = "ab.-_+'0Z"
    addresses = sorted({"".join(chance.choices(letters, k=chance.randint(1, 5))).strip(".") + f"{n}x@e.com"
                        for n in range(250)})  # fmt: skip
    people: list[dict[str, Any]] = []
    for n, address in enumerate(addresses):
        one = {"email": address, "last_name": f"{address[:3]} {n % 3}"}
        people.append(one | ({"external_id": f"x{n}"} if n % 3 == 0 else {}))
    stored = len(people) - api.post("/contacts/bulk", people)["rejected"]
    known = {one["id"]: one for one in api.pages("/contacts", 500)}
    assert len(known) == stored
    assert list(known) == sorted(known)
    for name in ("email", "last_name"):
        for begin in ("a", "A", "a.", "b-", "0", "z", "'", "-", "_", "aa"):
            key = {number: (one[name] or "").lower() for number, one in known.items()}
            right = sorted((n for n in key if key[n].startswith(begin.lower())),
                           key=lambda n: (key[n].encode(), n))  # fmt: skip
            for limit in (7, 500):
                found = api.pages(f"/contacts?{name}={begin}", limit)
                assert [one["id"] for one in found] == right, (name, begin, limit)


def test_filters(api: Api) -> None:
    api.some_contacts()
    api.workspace.database.write(
        lambda c: c.exec_driver_sql("update contacts set status = 'bounced' where id = 2")
    )

    def ids(query: str) -> list[int]:
        return [one["id"] for one in api.get(f"/contacts?{query}")["items"]]

    assert ids("status=bounced") == ids("state=NY") == ids("last_name=le&status=bounced") == [2]
    assert ids("status=active") == ids("email=mar&last_name=LO") == [1]
    assert ids("last_name=l&state=CA") == ids("email=m&state=CA&status=active") == [1]
    assert ids("state=TX") == ids("email=mar&last_name=x") == []


def test_pages_stay_right_while_rows_come_and_go(api: Api) -> None:
    api.post("/contacts/bulk", [{"email": f"p{n}@example.com"} for n in range(10)])
    page = api.get("/contacts?limit=4")
    api.workspace.database.write(lambda c: c.exec_driver_sql("delete from contacts where id in (2, 4, 6)"))
    api.post("/contacts/bulk", [{"email": "new@example.com"}])
    rest = api.get(f"/contacts?limit=50&cursor={page['next']}")
    assert [one["id"] for one in rest["items"]] == [5, 7, 8, 9, 10, 11]
    assert rest["next"] is None


def test_edits(api: Api) -> None:
    api.some_contacts()
    read = api.call("GET", "/contacts/1")
    tag = read.headers["etag"]
    assert api.call("GET", "/contacts/1", If_None_Match=f'"x", {tag}').status_code == 304
    done = api.call(
        "PATCH", "/contacts/1", {"first_name": None, "zip_code": "10001", "title": "Dr"}, If_Match=tag
    )
    assert done.status_code == 200
    assert (done.json()["first_name"], done.json()["state"], done.json()["title"]) == (None, "NY", "Dr")
    assert done.headers["etag"] == api.call("GET", "/contacts/1").headers["etag"] != tag
    assert api.call("PATCH", "/contacts/1", {"title": "x"}, If_Match=tag).status_code == 412
    for wrong, why in (
        ({"email": None}, "needs an address"),
        ({"email": "tom@example.com"}, "has this address already"),
        ({"email": "nonsense"}, "no @"),
        ({"birth_date": "soon"}, "birth_date"),
        ({"state": "CA"}, "the ZIP code lies in NY"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"attributes": {"email": 1}}, "attributes"),
    ):
        refused = api.call("PATCH", "/contacts/1", wrong)
        assert refused.status_code == 422, wrong
        assert why in refused.json()["detail"]
    assert api.get("/contacts/1")["title"] == "Dr"
    assert api.call("PATCH", "/contacts/9", {"title": "x"}).status_code == 404
    who, what, after = api.rows("select who, what, after from audit_log order by id desc")[0]
    assert (who, what) == ("API key all", "contact 1 edited")
    assert "10001" not in str(after), "the log says which fields, not what is in them"
    changed = api.rows("select count(*) from changes where contact_id = 1")[0][0]
    assert changed or api.rows("select 1 from changes where contact_id = 0")


def test_one_contact_explained_and_what_happened_to_it(api: Api) -> None:
    api.some_contacts()
    said = api.get("/contacts/1/explain")
    assert said["contact_id"] == 1
    assert any("birthday window of CA" in one["words"] for one in said["windows"])
    assert {one["email_type"] for one in said["emails"]} >= {"birthday", "effective_date"}
    told = [
        {
            "id": "1",
            "type": "eligibility_answered",
            "contact_id": 1,
            "data": {"has_medical_conditions": True},
        },
        {"id": "2", "type": "visited_office", "email": "maria@example.com", "data": {"office": "north"}},
        {"id": "3", "type": "visited_office", "contact_id": 2},
        {"id": "4", "type": "replied", "contact_id": 1},
    ]
    answer = api.call("POST", "/events", told)
    assert (answer.status_code, answer.json()["stored"]) == (207, 3)
    assert answer.json()["rejected"][0]["index"] == 3
    assert api.call("POST", "/events", told[3:]).status_code == 422
    assert api.call("POST", "/events", told[:1]).json() == {"stored": 0, "repeated": 1, "rejected": []}
    mine = api.get("/contacts/1/events")["items"]
    assert [(one["type"], one["data"]) for one in mine] == [
        ("eligibility_answered", None),
        ("visited_office", {"office": "north"}),
    ]
    assert "medical" not in str(api.pages("/events", 1))
    assert [one["contact_id"] for one in api.get("/events?type=visited_office")["items"]] == [1, 2]
    for path in ("events", "explain"):
        assert api.call("GET", f"/contacts/9/{path}").status_code == 404
