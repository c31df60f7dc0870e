"""What ``records_ckan`` does within CKAN: run by CKAN's Python, and served by uwsgi.

``records_ckan_table.py INI databases|rights|fill|index|drop ...`` prints one JSON object as its
last line. As a WSGI file it is CKAN itself, by ``CKAN_INI``.
"""

import json
import os
import sys
from pathlib import Path

import psycopg2
from ckan.cli import CKANConfigLoader
from ckan.config.middleware import make_app
from sqlalchemy.engine import make_url

KINDS = {"integer": "bigint", "number": "float", "boolean": "bool", "date": "date"}
# The datastore ends its own statements after a minute unless told otherwise.
PATIENT = {"ignore_auth": True, "user": "", "query_timeout": 3_600_000}


def connected(config, database=None):
    """A connection of the superuser that commits each statement."""
    url = make_url(config["sqlalchemy.url"])
    con = psycopg2.connect(
        host=url.host, port=url.port, user=url.username, dbname=database or "postgres"
    )
    con.autocommit = True
    return con


def drop(config, *names):
    """Take away databases and, last of the names, a role."""
    *databases, reader = names
    with connected(config).cursor() as cursor:
        for database in databases:
            cursor.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        cursor.execute(f"DROP ROLE IF EXISTS {reader}")
    return {}


def databases(config, *names):
    """Make the databases and the role anew."""
    drop(config, *names)
    *made, reader = names
    with connected(config).cursor() as cursor:
        cursor.execute(f"CREATE ROLE {reader} LOGIN")
        for database in made:
            cursor.execute(f"CREATE DATABASE {database}")
    return {}


def rights(config, script):
    """Run what ``ckan datastore set-permissions`` printed, which is for psql."""
    sql = Path(script).read_text()
    store = make_url(config["ckan.datastore.write_url"]).database
    with connected(config, store).cursor() as cursor:
        cursor.execute("\n".join(line for line in sql.splitlines() if line[:1] != "\\"))
    return {}


def fill(config, types, csv):
    """A dataset, its resource and the resource's table from a CSV file without a header."""
    from ckan import model

    columns = json.loads(types)
    package = model.Package(name="observations", title="Observations", type="dataset")
    resource = model.Resource(url="http://127.0.0.1/observations.csv", format="CSV")
    package.resources_all.append(resource)
    model.Session.add(package)
    model.Session.commit()
    table = resource.id
    created(table, columns)
    store = make_url(config["ckan.datastore.write_url"]).database
    with connected(config, store).cursor() as cursor:
        cursor.execute(
            "SELECT indexname, indexdef FROM pg_indexes "
            "WHERE tablename = %s AND indexdef LIKE '%%_full_text%%'",
            [table],
        )
        full_text = cursor.fetchall()
        for name, _ in full_text:
            cursor.execute(f'DROP INDEX "{name}"')
        cursor.execute(f'ALTER TABLE "{table}" DISABLE TRIGGER zfulltext')
        names = ", ".join(f'"{name}"' for name in columns)
        with Path(csv).open(encoding="utf-8") as file:
            cursor.copy_expert(f'COPY "{table}" ({names}) FROM STDIN (FORMAT csv)', file)
        cursor.execute(f'ALTER TABLE "{table}" ENABLE TRIGGER zfulltext')
        for _, definition in full_text:
            cursor.execute(definition)
        settled(cursor, table)
        cursor.execute("SELECT pg_backend_pid()")
        backend = cursor.fetchone()[0]
        told = Path(f"/proc/{backend}/stat").read_text()
    return {"resource": table, "postmaster": int(told.rpartition(")")[2].split()[1])}


def index(config, types, key, *indexed):
    """The datastore's own indexes for a primary key and columns of the one table there is."""
    from ckan import model

    (resource,) = model.Session.query(model.Resource).all()
    created(resource.id, json.loads(types), primary_key=[key], indexes=list(indexed))
    store = make_url(config["ckan.datastore.write_url"]).database
    with connected(config, store).cursor() as cursor:
        settled(cursor, resource.id)
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", [resource.id])
        return {"indexes": [definition for (definition,) in cursor.fetchall()]}


def created(table, columns, **more):
    """What ``datastore_create`` does with its table."""
    from ckanext.datastore.backend import DatastoreBackend

    fields = [{"id": name, "type": KINDS.get(kind, kind)} for name, kind in columns.items()]
    backend = DatastoreBackend.get_active_backend()
    asked = {"resource_id": table, "fields": fields, "delete_fields": False, **more}
    backend.create(dict(PATIENT), asked, {})


def settled(cursor, table):
    """Leave no work for later that would be counted with the answers."""
    cursor.execute(f'VACUUM (ANALYZE) "{table}"')
    cursor.execute("CHECKPOINT")


def main():
    """Do one thing and print its JSON."""
    ini, name, *words = sys.argv[1:]
    config = CKANConfigLoader(ini).get_config()
    done = {"databases": databases, "rights": rights, "fill": fill, "index": index, "drop": drop}
    if name in ("fill", "index"):
        with make_app(config)._wsgi_app.test_request_context():
            told = done[name](config, *words)
    else:
        told = done[name](config, *words)
    print("\n" + json.dumps(told))


if __name__ == "__main__":
    main()
elif "CKAN_INI" in os.environ:
    application = make_app(CKANConfigLoader(os.environ["CKAN_INI"]).get_config())
