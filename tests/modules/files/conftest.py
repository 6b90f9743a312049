"""What the tests of these modules share."""

from __future__ import annotations

import pytest

from db.pool import Database
from engine.isolated.pool import IsolatedPool
from tests.fixtures.files import new_workspace_id
from tests.modules.files.host import FileModules
from workspace.files.objects import Objects
from workspace.files.store import StoredFiles


@pytest.fixture
async def modules(isolated_pool: IsolatedPool, files_db: Database, folder_objects: Objects) -> FileModules:
    return FileModules(isolated_pool, StoredFiles(files_db, folder_objects, await new_workspace_id(files_db)))
