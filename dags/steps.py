"""The tasks of the DAGs: each calls one function of the library and tells Airflow how it ended.

Nothing is decided here about data. A task pushes small records through XCom: its result, and
under ``outcome`` how the run ended (published, unchanged, held, failed) with a sentence for the
run's note, which the plugin's listener writes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
from importlib import import_module
from pathlib import Path

from airflow.providers.standard.operators.hitl import HITLOperator
from airflow.sdk import BaseOperator, BaseOperatorLink, Param, TriggerRule
from airflow.sdk.definitions.retry_policy import RetryDecision, RetryPolicy
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSkipException,
    DownstreamTasksSkipped,
)

PREFIX = "dataset__"
WORKSPACE = Path(os.environ.get("MOULOUYA_WORKSPACE") or Path(__file__).parents[1]).absolute()
CACHE = Path(os.environ.get("MOULOUYA_STATE") or WORKSPACE / ".moulouya").absolute()
LONGEST_WAIT = 6 * 3600.0


class OnlyWhatHeals(RetryPolicy):
    """Errors that waiting can heal are tried again, as late as the source asks; others fail."""

    def evaluate(self, exception, try_number, max_tries, context=None):
        if not getattr(exception, "retry", False):
            return RetryDecision.fail("trying again cannot heal this")
        after = getattr(exception, "retry_after", None)
        delay = dt.timedelta(seconds=min(after, LONGEST_WAIT)) if after else None
        return RetryDecision.retry(delay, reason=str(exception).splitlines()[0])


def settings():
    """The deployment's settings, with the workspace these DAGs were made from."""
    from moulouya.settings import Settings

    return Settings(workspace=WORKSPACE)


def pool_of(host):
    """The pool in which one host is asked one thing at a time; the plugin makes it."""
    return f"host_{re.sub(r'[^a-z0-9]+', '_', host.lower())}"


def run_id(dag_run_id, slug):
    """The pipeline's name for a DAG run: the same on every retry, and safe as a file name."""
    safe = re.sub(r"[^A-Za-z0-9_.]+", "-", dag_run_id)[:120].strip("-.")
    return f"{slug}-{safe}-{hashlib.sha256(dag_run_id.encode()).hexdigest()[:6]}"


def is_published(slug=None):
    """Whether a dataset, or any of them, has a version."""
    from moulouya.storage.lake import look_into

    lake = look_into(settings())
    slugs = [slug] if slug else lake.names(lake.datasets)
    return any(lake.numbers(lake.versions(one)) for one in slugs)


def interval(dag_run):
    """Start and end of the period the run is about, or None when it has no length."""
    start, end = dag_run.data_interval_start, dag_run.data_interval_end
    return (start, end) if start and end and start < end else None


def sentence(result):
    """How a run ended, in one line for the note of the run."""
    match result["outcome"]:
        case "published":
            rejected = f", {result['rejected']} rejected" if result.get("rejected") else ""
            return f"published · version {result['version']} · {result['rows']} rows{rejected}"
        case "held":
            return f"held: {'; '.join(result['reasons'])}"
        case other:
            return ": ".join([other, *(result.get("reasons") or [])])


def tell(context, result):
    """Push how the run ended, for the run's note and for whoever reads the XCom."""
    record = {**result, "sentence": result.get("sentence") or sentence(result)}
    context["ti"].xcom_push(key="outcome", value=record)
    return record


def airflow_connection(name):
    """A connection as the library knows it, from Airflow's secrets; None when it has none."""
    from airflow.sdk import BaseHook
    from airflow.sdk.exceptions import AirflowNotFoundException

    from moulouya.credentials import Connection

    try:
        found = BaseHook.get_connection(name)
    except AirflowNotFoundException:
        return None
    return Connection(
        id=name,
        kind=found.conn_type or "",
        host=found.host or "",
        port=found.port,
        login=found.login or "",
        password=found.password or "",
        schema=found.schema or "",
        extra=found.extra_dejson,
    )


def call(context, name, *args, **kwargs):
    """One call of the library, ``<module>.<function>``; an error is told before it is raised."""
    from moulouya import credentials
    from moulouya.ledger import describe

    credentials.use(airflow_connection)
    module, function = name.split(".")
    task = context["task"].task_id
    try:
        return getattr(import_module(f"moulouya.{module}"), function)(settings(), *args, **kwargs)
    except Exception as error:
        told = describe(error)
        text = "\n  hint: ".join(filter(None, [told["message"], told["hint"]]))
        failed = {"outcome": "failed", "error": told, "sentence": f"failed in {task}: {text}"}
        tell(context, failed)
        raise


def slug_of(context):
    """The dataset of this DAG."""
    return context["dag"].dag_id.removeprefix(PREFIX)


def call_step(context, name, *args):
    """One step of the pipeline for the dataset and the run of this DAG run."""
    slug = slug_of(context)
    return call(context, f"pipeline.{name}", slug, run_id(context["run_id"], slug), *args)


def addresses(slug, held=""):
    """Where a person looks further, by the name of the link."""
    given = settings()
    airflow = given.airflow_url.rstrip("/")
    return {
        "Public page": f"{given.public_url.rstrip('/')}/en/datasets/{slug}",
        "Data Docs": f"{airflow}/dags/{PREFIX}{slug}/plugin/data-docs",
        "Rejected rows": f"{airflow}/moulouya/held/{slug}/{held}",
    }


class Step(BaseOperator):
    """One step of a dataset's run, named like the library's function.

    ``needs`` are datasets that must have been published once, so that no reference goes
    unchecked. A run that ends here skips the tasks that follow; a delivery that is still held
    goes to Publish, which asks a person.
    """

    def __init__(self, *, needs=(), **kwargs):
        super().__init__(**kwargs)
        self.needs = needs

    def execute(self, context):
        missing = [slug for slug in self.needs if not is_published(slug)]
        if missing:
            self.skip(context, {"outcome": "waiting", "reasons": [f"for {', '.join(missing)}"]})
        more = []
        if self.task_id == "fetch":
            restate = bool((context.get("params") or {}).get("restate"))
            more = [interval(context["dag_run"]), restate]
        result = call_step(context, self.task_id, *more)
        if "outcome" in result:
            self.skip(context, result, but="publish" if result["outcome"] == "held" else None)
        return result

    def skip(self, context, result, but=None):
        """End the run here; the reason goes into its note."""
        self.log.info(tell(context, result)["sentence"])
        after = [task.task_id for task in self.get_flat_relatives(upstream=False)]
        raise DownstreamTasksSkipped(tasks=[task_id for task_id in after if task_id != but])


class PortalLink(BaseOperatorLink):
    """From the task to the dataset's public page."""

    name = "Public page"

    def get_link(self, operator, *, ti_key):
        return addresses(ti_key.dag_id.removeprefix(PREFIX))[self.name]


class DataDocsLink(PortalLink):
    """From the task to Great Expectations' pages about the dataset, inside Airflow."""

    name = "Data Docs"


class Publish(HITLOperator):
    """The last step; a suspicious delivery waits here, without a slot, until a person answers.

    The asset is updated only when a version was published. Approve publishes what was held,
    Reject drops it; an answer without a reason is asked for again. Without an answer in time the
    run fails and the delivery stays held, to be decided with ``moulouya approve`` or
    ``moulouya reject``.
    """

    operator_extra_links = (PortalLink(), DataDocsLink())
    APPROVE, REJECT = "Approve", "Reject"

    def __init__(self, **kwargs):
        kwargs = {"task_id": "publish", "subject": "", "body": ""} | kwargs
        about = "why, in a sentence; it is published in the version's record, with your name"
        reason = Param("", type="string", title="Reason", description=about)
        kwargs.pop("params", None)  # those of the DAG are no part of the question
        options, params = [self.APPROVE, self.REJECT], {"reason": reason}
        rule = TriggerRule.NONE_FAILED  # a delivery held earlier skips the steps between
        super().__init__(options=options, params=params, trigger_rule=rule, **kwargs)

    def execute(self, context):
        steps = list(self.get_flat_relative_ids(upstream=True))
        before = context["ti"].xcom_pull(task_ids=steps, key="outcome")
        held = [one for one in before or [] if one and one["outcome"] == "held"]
        result = held[0] if held else call_step(context, "publish")
        if result["outcome"] != "held":
            return self.finish(context, result)
        told = tell(context, result)
        self.subject, self.body, self.options = self.question(context, told)
        self.log.warning(told["sentence"])
        return super().execute(context)

    def question(self, context, result):
        """What a person is asked: subject, body in Markdown, and the answers there are."""
        slug = slug_of(context)
        report = call(context, "comparison.compare", slug)
        if report["held"] is None:  # nothing came: what is public may be so no longer
            raise AirflowFailException(result["sentence"])
        at = addresses(slug, report["held"])
        names = ["Data Docs", *(["Rejected rows"] if report["rejected"] else []), "Public page"]
        previous = report["previous"]
        stays = f"Version {previous} stays published" if previous else "Nothing is published"
        body = [
            f"{stays} until you decide.",
            import_module("moulouya.comparison").in_markdown(report),
            " · ".join(f"[{name}]({at[name]})" for name in names),
        ]
        if report["blocked"]:
            body.append(
                "**It holds personal data, which nobody can approve.** Take them out in the "
                "transform, or name who answers for them under `privacy` in the definition; then "
                "reject this delivery and run the DAG again."
            )
            return f"Reject this delivery of {slug}?", "\n\n".join(body), [self.REJECT]
        body.append(
            "*Approve* publishes it as it is; *Reject* drops it, and the same bytes are not asked "
            f"about again. From a terminal: `moulouya approve {slug} --reason …` or "
            f"`moulouya reject {slug} --reason …`."
        )
        return f"Publish this delivery of {slug}?", "\n\n".join(body), self.options

    def validate_params_input(self, params_input):
        """A wrong reason is asked for again, where Airflow's own check would fail the run."""

    def execute_complete(self, context, event):
        answer = super().execute_complete(context, event)
        by = (answer["responded_by_user"] or {}).get("name") or "unknown"
        reason = ((answer["params_input"] or {}).get("reason") or "").strip()
        if not reason:
            self.log.warning("%s gave no reason: the question is asked again", by)
            return super().execute(context)
        approved = answer["chosen_options"] == [self.APPROVE]
        decide = "approval.approve" if approved else "approval.reject"
        result = call(context, decide, slug_of(context), by=by, reason=reason)
        return self.finish(context, result)

    def finish(self, context, result):
        """Tell how it ended; only a published version counts as an update of the asset."""
        told = tell(context, result)
        if result["outcome"] != "published":
            raise AirflowSkipException(told["sentence"])
        kept = ("outcome", "version", "rows", "rejected", "links")
        extra = {key: result.get(key) for key in kept}
        context["outlet_events"][self.outlets[0]].extra = extra
        return result


class Release(BaseOperator):
    """Commits a release of the catalogue from what is published; skipped when nothing changed."""

    def execute(self, context):
        if not is_published():
            nothing = {"outcome": "waiting", "reasons": ["for the first published dataset"]}
            raise AirflowSkipException(tell(context, nothing)["sentence"])
        result = call(context, "pipeline.release")
        told = {"sentence": f"release {result.get('release')} · {result.get('datasets')} datasets"}
        if result["outcome"] != "published":
            raise AirflowSkipException(tell(context, result)["sentence"])
        context["outlet_events"][self.outlets[0]].extra = tell(context, {**result, **told})
        return result


class Broken(BaseOperator):
    """Stands for a dataset whose definition cannot be used, and says why."""

    def __init__(self, *, faults, **kwargs):
        super().__init__(**kwargs)
        self.faults = faults

    def execute(self, context):
        text = "the definition cannot be used:\n" + "\n".join(self.faults)
        tell(context, {"outcome": "failed", "sentence": text})
        raise AirflowFailException(text)
