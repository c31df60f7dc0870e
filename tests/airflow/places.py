"""Where things are, for the tests of this folder."""

from pathlib import Path

REPOSITORY = Path(__file__).parents[2]


def signed_in(name="admin", role="admin"):
    from airflow.api_fastapi.app import get_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    token = get_auth_manager().generate_jwt(SimpleAuthManagerUser(username=name, role=role))
    return {"Authorization": f"Bearer {token}"}
