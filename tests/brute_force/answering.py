"""A request put to the engine in this process, on the way that the command line takes."""

import json

from allocation.errors import AllocationError
from allocation.plan import plan_facts
from allocation.request import read_request
from tests.brute_force.question import Json


def answer_of(request: Json) -> Json:
    """The response, or the refusal as the command line prints it."""
    try:
        plan = plan_facts(read_request(json.dumps(request)).to_facts())
    except AllocationError as error:
        return {"error": {"code": error.code, "message": error.message, "culprits": list(error.culprits)}}
    answer: Json = json.loads(json.dumps(plan.as_dict()))
    return answer
