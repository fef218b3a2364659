"""Policies and decisions as text."""

from collections.abc import Sequence
from typing import Any

from heliostat_core.contracts.policy import (
    DecisionView,
    EffectivePolicyView,
    PolicyChangeView,
    PolicyEffects,
    PolicyVersionsView,
)

from .text import build_fields, build_table, show_server, show_time


def build_policy_lines(policy: EffectivePolicyView) -> list[str]:
    """Describe what a user may and has left."""
    usage = policy.usage
    rules = policy.rules.model_dump(mode="json")
    fields = build_fields(
        [
            ("User", policy.user),
            ("Groups", ", ".join(policy.groups)),
            ("Policy version", str(policy.policy_version)),
            ("Named servers", f"{usage.named_servers} of {rules['named_servers']}, {usage.named_servers_left} left"),
            ("", ", ".join(show_server(name) for name in usage.servers)),
        ]
    )
    rows = [[name, _show(value), policy.source.get(name, "default")] for name, value in rules.items()]
    return [*fields, *build_table(["RULE", "VALUE", "FROM"], rows)]


def build_change_lines(change: PolicyChangeView) -> list[str]:
    """Describe what became of a new policy, or would."""
    if change.dry_run:
        head = f"Checked only; it would be version {change.version}."
    elif change.changed:
        head = f"Version {change.version} is in force."
    else:
        head = f"This is in force already, as version {change.version}."
    return [head, *_list_effects(change.effects)]


def _list_effects(effects: PolicyEffects) -> list[str]:
    changes = [f"  {item.scope}: {item.rule} {_show(item.before)} -> {_show(item.after)}" for item in effects.changes]
    excesses = [f"  {item.user}: {item.message}" for item in effects.excesses]
    lines = ["Changes:", *changes] if changes else ["It changes no rule."]
    if excesses:
        lines += [f"Over the new limits already, and left alone ({effects.users_checked} users checked):", *excesses]
    return lines


def build_history_lines(versions: PolicyVersionsView) -> list[str]:
    """List the versions of the policy, newest first."""
    rows = [
        [
            f"{version.version}{' *' if version.version == versions.in_force else ''}",
            show_time(version.changed_at),
            version.changed_by,
            version.comment,
        ]
        for version in versions.versions
    ]
    return [*build_table(["VERSION", "CHANGED", "BY", "COMMENT"], rows), "* in force"]


def build_decision_lines(decisions: Sequence[DecisionView]) -> list[str]:
    """Tell for each decision what was decided, why, and on which facts."""
    if not decisions:
        return ["No decision is recorded."]
    return [line for decision in decisions for line in _describe(decision)]


def _describe(decision: DecisionView) -> list[str]:
    server = "" if decision.server_name is None else f" {show_server(decision.server_name)}"
    rule = f", rule {decision.rule}" if decision.rule else ""
    facts = [f"    {name}: {_show(value)}" for name, value in decision.facts.items() if value not in (None, [], {})]
    what = f"{decision.action}{server} of {decision.user}: {decision.verdict}"
    return [
        f"{show_time(decision.time)}  {what} (policy version {decision.policy_version}{rule})",
        f"  {decision.message}",
        *facts,
    ]


def _show(value: Any) -> str:
    """Write a value of a rule or fact; null means there is no limit or nothing known."""
    match value:
        case None:
            return "none"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
        case dict():
            return ", ".join(f"{name} {_show(item)}" for name, item in value.items())
        case list():
            return ", ".join(map(_show, value))
        case _:
            return str(value)
