"""The loop: query the model, run the tool it calls, append the result, stop when it calls none."""

import time

import tools

MAX_TURNS = 6  # queries in one conversation
HISTORY_LIMIT = 3200  # characters of earlier messages that are sent along


def converse(model, messages, toolbox, deadline):
    """Lead one conversation to its end; `messages` grows by everything that was said."""
    for turn in range(1, MAX_TURNS + 1):
        if time.time() > deadline:
            break
        reply = model.query(recent(messages), tools.SCHEMAS)
        messages.append(reply)
        calls = reply.get("tool_calls", [])
        if not calls:
            break
        for number, call in enumerate(calls):
            if number > 0:
                result = "error: only one call at a time"
            else:
                result = toolbox.run(call)
            result += f"\n[turns left: {MAX_TURNS - turn}]"
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
    return messages


def recent(messages):
    """The opening messages, and of the later turns as many of the newest as fit."""
    opening, later = messages[:2], messages[2:]
    while len(str(later)) > HISTORY_LIMIT:
        turns = [place for place, message in enumerate(later) if message["role"] == "assistant"]
        if len(turns) < 2:
            break
        later = later[turns[1] :]
    if opening + later == messages:
        return messages
    return opening + [{"role": "user", "content": "[earlier turns dropped]"}] + later
