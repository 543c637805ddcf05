"""A new gradebook for nbgrader, made whole or not at all."""

from pathlib import Path

from nbgrader.api import Base
from nbgrader.dbutil import ALEMBIC_DIR
from sqlalchemy import Connection, create_engine, inspect, text
from sqlalchemy.engine import make_url


def make_gradebook(url: str) -> None:
    """Make nbgrader's tables, with the version that `nbgrader db upgrade` looks for, where there are no tables yet.

    url: a database's, as nbgrader's `db_url`; the folder of an SQLite file is made. One transaction: nbgrader itself
    makes the tables one by one, waits seconds for the command `alembic`, and then writes the version, so that a process
    that is killed meanwhile leaves a gradebook without one for good. sqlalchemy's errors, or OSError, where it does not
    open.
    """
    place = make_url(url)
    sqlite = place.get_backend_name() == "sqlite"
    if sqlite and place.database:
        Path(place.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(place)
    try:
        if inspect(engine).get_table_names():
            return
        with engine.begin() as connection:
            if sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")  # Python's driver begins none for tables
            if not inspect(connection).get_table_names():  # another process may have been quicker
                _fill(connection)
    finally:
        engine.dispose()


def _fill(connection: Connection) -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    steps = Config()
    steps.set_main_option("script_location", ALEMBIC_DIR.replace("%", "%%"))
    Base.metadata.create_all(connection)
    connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
    version = {"version": ScriptDirectory.from_config(steps).get_current_head()}
    connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:version)"), version)
