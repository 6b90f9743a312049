import asyncpg


async def test_the_shared_server_is_a_postgresql_18_that_takes_our_password(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert (await connection.fetchval("show server_version")).startswith("18")
        assert await connection.fetchval("select current_database()") == "millstream"
        assert await connection.fetchval("select datlocprovider from pg_database where datname = 'millstream'") == b"b"
    finally:
        await connection.close()
