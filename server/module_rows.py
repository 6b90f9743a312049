"""The modules' declarations as rows of `workflows_modules`, for those who read by SQL."""

from __future__ import annotations

from collections.abc import Iterable

from db.modules import ModuleRow
from modules.sdk.declaration import EffectByInput, Module
from server.api.routes.modules import module_view


def module_rows(modules: Iterable[Module]) -> list[ModuleRow]:
    """One row for each version of each module."""
    rows: list[ModuleRow] = []
    for module in modules:
        view = module_view(module)
        rows.append(
            ModuleRow(
                module=module.name,
                version=module.version,
                title=module.title,
                category=module.name.partition(".")[0],
                kind=module.kind,
                effect="by_input" if isinstance(module.effect, EffectByInput) else module.effect.value,
                idempotent=module.idempotent,
                input_schema=module.input_schema,
                output_schema=module.output_schema,
                handles=view["handles"],
                slots=module.slots,
                timeout=module.timeout,
                retry=view["retry"],
                example=view["example"],
                manual=module.manual,
            )
        )
    return rows
