"""Rules and dashboard ask for what is there: each expression is put to a Prometheus that scrapes the services."""

import re

import pytest

from tests.integration.monitoring.conftest import Monitored
from tests.support.monitoring import (
    Query,
    Selector,
    list_groupings,
    list_queries,
    list_rules,
    list_selectors,
    run_promtool,
)

QUERIES = list_queries()
NOT_YET = {
    "heliostat_provider_rate_remaining",  # no provider was asked
    "ALERTS",  # none fires
}
UNSEEN_VALUES = {"heliostat_http_requests_total"}  # its statuses are there once they were answered
OF_ANY_TARGET = {"job", "instance"}


@pytest.mark.parametrize("job", ["sessions", "builder", "policy"])
def test_what_a_service_exports_is_as_prometheus_wants_it(monitored: Monitored, job: str) -> None:
    run_promtool("check", "metrics", given=monitored.exports[job])


def test_no_rule_fails(monitored: Monitored) -> None:
    groups = monitored.ask("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) == len(list_rules())
    assert [rule for rule in rules if rule["health"] != "ok"] == []


def test_a_healthy_instance_raises_no_alert(monitored: Monitored) -> None:
    raised = {alert["labels"]["alertname"] for alert in monitored.ask("alerts")["alerts"]}
    assert raised <= {"HeliostatIdleSweepMissing"}  # waits for the first sweep


def test_every_expression_can_be_answered(monitored: Monitored) -> None:
    for query in QUERIES:
        monitored.ask("query", query=query.text)


def test_every_metric_that_is_asked_for_is_there(monitored: Monitored) -> None:
    missing = []
    recorded = {rule["record"] for rule in list_rules() if "record" in rule}
    for query, selector in list_asked():
        if selector.name in NOT_YET | recorded:
            continue
        matchers = "" if selector.name in UNSEEN_VALUES else selector.matchers
        if not monitored.ask("series", **{"match[]": f"{selector.name}{matchers}"}):
            missing.append((query.owner, f"{selector.name}{matchers}"))
    assert missing == []


def test_every_label_that_is_asked_for_is_on_the_metric(monitored: Monitored) -> None:
    wrong = []
    for query, selector in list_asked():
        if selector.name in NOT_YET:
            continue
        series = monitored.ask("series", **{"match[]": selector.name})
        labels = OF_ANY_TARGET.union(*series)
        grouped = list_groupings(query.text) if len(list_selectors(query.text)) == 1 else set()
        if series and (unknown := (selector.labels | grouped) - labels):
            wrong.append((query.owner, selector.name, unknown))
    assert wrong == []


def test_every_legend_is_a_label_of_its_answer(monitored: Monitored) -> None:
    wrong = []
    for query in QUERIES:
        wanted = set(re.findall(r"{{(\w+)}}", query.legend))
        answer = monitored.ask("query", query=query.text)["result"]
        labels = OF_ANY_TARGET.union(*(item["metric"] for item in answer))
        if answer and not wanted <= labels:
            wrong.append((query.owner, wanted - labels))
    assert wrong == []


def list_asked() -> list[tuple[Query, Selector]]:
    return [(query, selector) for query in QUERIES for selector in sorted(list_selectors(query.text), key=str)]
