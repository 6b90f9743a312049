from temporalio.client import Client


async def test_the_shared_server_lists_no_workflow_of_a_type_that_nobody_started(temporal_address: str) -> None:
    client = await Client.connect(temporal_address)
    assert [w async for w in client.list_workflows("WorkflowType = 'nobody started this'")] == []
