from place import place
from prefect import Flow, task
from prefect.backend.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    delete_artifact,
    update_link_artifact,
    update_markdown_artifact,
)


@task
def publish():
    link = create_link_artifact("https://example.org/1")
    update_link_artifact(link, "https://example.org/2")
    markdown = create_markdown_artifact("# Ünïcode")
    update_markdown_artifact(markdown, "# 😀")
    delete_artifact(create_link_artifact("https://example.org/gone"))
    return [link, markdown]


with Flow("artifacts", **place("artifacts.py")) as flow:
    publish()
