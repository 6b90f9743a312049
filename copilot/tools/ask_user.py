"""`ask_user`: one question to the person, which ends the turn. Their answer begins the next one."""

from __future__ import annotations

from dataclasses import dataclass

from copilot.tools.kit import Kit
from copilot.tools.tool import Answer, Asker, JsonObject, Place


@dataclass(frozen=True)
class AskUser:
    name: str = "ask_user"
    description: str = (
        "Ask the person one question, with answers to choose from where there are few. Your turn ends; their answer comes as their next "
        "message. Only where a wrong guess would cost work, and never for a secret."
    )

    @property
    def parameters(self) -> JsonObject:
        return {
            "type": "object",
            "properties": {
                "question": {"type": "string", "minLength": 1, "maxLength": 1_000},
                "options": {
                    "type": "array",
                    "items": {"type": "string", "minLength": 1, "maxLength": 200},
                    "maxItems": 6,
                    "description": "Answers to choose from; another one may be given all the same.",
                },
            },
            "required": ["question"],
            "additionalProperties": False,
        }

    async def run(self, kit: Kit, asker: Asker, place: Place, arguments: JsonObject) -> Answer:
        options = arguments.get("options")
        return Answer(
            {"asked": "The person has been asked. Their answer is their next message."},
            question={"text": arguments["question"], "options": options if isinstance(options, list) else []},
        )


TOOL = AskUser()
