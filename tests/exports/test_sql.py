"""A query reads the tables of its corpus, and nothing else."""

from __future__ import annotations

import pytest
from small_corpus import small_corpus

import hetero_xmodal as hx

duckdb = pytest.importorskip("duckdb", reason="DuckDB is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sql")
    small_corpus(folder / "images").save(folder / "corpus")
    return folder / "corpus"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_tables_are_joined_and_kept_for_the_next_query(folder, cache):
    sql = "SELECT name, count(*) AS n FROM visual GROUP BY name ORDER BY n DESC, name"
    assert hx.query(folder, sql).values.tolist() == [["dog", 2], ["cat", 1], ["dining table", 1], ["horse", 1], ["person", 1]]
    kept = {path.name for path in cache.rglob("*.parquet")}
    assert kept == {"visual.parquet"}  # only what the query names
    joined = hx.query(folder, "SELECT p.id, r.predicate FROM pairs p JOIN word_relates_word r USING (sentence) ORDER BY p.id")
    assert joined.values.tolist() == [["pair-0", "ride"], ["pair-2", "near"]]
    assert hx.query(folder, 'SELECT count(*) AS n FROM "word-relates-word"')["n"].tolist() == [2]


def test_feature_vectors_are_there_when_they_are_named(folder):
    assert hx.query(folder, "SELECT feature[2] AS f FROM visual WHERE name = 'horse'")["f"].tolist() == [2.0]


def test_sums_are_whole_numbers_as_counts_are(folder):
    """DuckDB adds whole numbers to one of 128 bits, which pandas would show as 1.2e+07."""
    found = hx.query(folder, "SELECT sum(1000003 * (image + 1)) AS a, sum(node) FILTER (node > 99) AS a, avg(node) AS m FROM visual")
    assert found.to_csv(index=False).splitlines()[1].split(",")[0] == str(1000003 * (1 * 2 + 2 * 3 + 3 * 1))
    assert str(found.iloc[0, 1]) == "<NA>" and found["m"].dtype == float


def test_a_damaged_file_in_the_cache_is_written_again(folder, cache):
    sql = "SELECT count(*) AS n FROM images"
    hx.query(folder, sql)
    (file,) = cache.rglob("images.parquet")
    whole = file.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"x" * len(whole), whole[:-1]):
        file.write_bytes(damaged)
        assert hx.query(folder, sql)["n"].tolist() == [3]
        assert file.read_bytes() == whole


def test_a_corpus_in_memory_leaves_nothing_in_the_cache(folder, cache):
    part = hx.GraphCorpus.load(folder).split("val")
    assert hx.query(part, "SELECT count(*) AS n FROM pairs")["n"].tolist() == [2]
    assert not list(cache.rglob("*.parquet"))


@pytest.mark.parametrize(
    "sql, words",
    {
        "SELECT * FROM read_text('SECRET')": "can read the tables of the corpus only",
        "SELECT * FROM read_csv('SECRET')": "can read the tables of the corpus only",
        "SELECT * FROM 'SECRET'": "the query names the table",
        "SELECT * FROM glob('/*')": "can read the tables of the corpus only",
        "SELECT * FROM read_parquet('https://example.org/a.parquet')": "can read the tables of the corpus only",
        "COPY (SELECT 1) TO 'SECRET'": "no SELECT but COPY; give one SELECT",
        "ATTACH 'SECRET' AS a": "no SELECT but ATTACH",
        "SET enable_external_access = true": "no SELECT but SET",
        "INSTALL httpfs": "no SELECT but LOAD",
        "SELECT 1; DROP TABLE images": "has 2 statements",
        "": "has 0 statements",
        "SELEC 1": "cannot be read as SQL",
        "SELECT nope FROM visual": 'column "nope" not found',
        "SELECT * FROM visul": "did you mean 'visual'",
    }.items(),
)
def test_everything_else_is_refused(folder, tmp_path, sql, words):
    secret = tmp_path / "secret.txt"
    secret.write_text("precious")
    with pytest.raises(hx.InputError, match=words) as told:
        hx.query(folder, sql.replace("SECRET", str(secret)))
    assert "precious" not in str(told.value) and secret.read_text() == "precious"


def test_without_duckdb_one_sentence_says_what_to_install(folder, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "duckdb" else real(name, *rest))
    with pytest.raises(hx.environment.MissingPackageError, match="pip install duckdb"):
        hx.query(folder, "SELECT 1")
