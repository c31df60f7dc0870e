# One image for Airflow's services and the portal; what a container does is its command.
FROM python:3.11.14-slim-bookworm AS build
COPY requirements/bootstrap.txt requirements/cluster.txt /requirements/
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy
RUN python -m venv /opt/moulouya \
    && /opt/moulouya/bin/pip install --no-cache-dir --require-hashes -r /requirements/bootstrap.txt \
    && /opt/moulouya/bin/uv pip install --no-cache --python /opt/moulouya/bin/python \
        --require-hashes -r /requirements/cluster.txt
WORKDIR /opt/source
COPY pyproject.toml README.md LICENSE ./
COPY src src
RUN /opt/moulouya/bin/uv pip install --no-cache --python /opt/moulouya/bin/python \
        --no-deps --no-build-isolation .

FROM python:3.11.14-slim-bookworm
RUN groupadd --gid 50000 moulouya \
    && useradd --uid 50000 --gid 50000 --no-create-home --home-dir /opt/airflow moulouya \
    && install -d -o moulouya -g moulouya -m 0755 /opt/airflow /opt/airflow/logs /lake
COPY --from=build /opt/moulouya /opt/moulouya
COPY dags /opt/platform/dags
COPY plugins /opt/platform/plugins
COPY region.yml /workspace/
COPY datasets /workspace/datasets
COPY transforms /workspace/transforms
COPY expectations /workspace/expectations
ENV PATH=/opt/moulouya/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    AIRFLOW_HOME=/opt/airflow \
    AIRFLOW__CORE__DAGS_FOLDER=/opt/platform/dags \
    AIRFLOW__CORE__PLUGINS_FOLDER=/opt/platform/plugins \
    MOULOUYA_WORKSPACE=/workspace \
    MOULOUYA_LAKE=/lake
WORKDIR /opt/airflow
USER 50000:50000
CMD ["moulouya", "--help"]
