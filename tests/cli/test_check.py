"""`inclust check`: a traffic light with reasons."""

from __future__ import annotations

import json

import pandas as pd


def test_check_says_a_light_with_reasons_and_writes_the_genes(inclust, pair, tmp_path):
    said = inclust("check", pair[0], pair[1], "--labels", "cell_type", "-o", tmp_path / "genes.csv")
    assert said.exit_code == 0
    assert said.stdout.startswith("reference check: ")
    assert "shared genes" in said.stdout
    table = pd.read_csv(tmp_path / "genes.csv", index_col="gene")
    assert len(table) == 112
    assert {"agreement", "detected_section", "detected_reference", "reliable", "finding"} <= set(table)


def test_check_as_json_holds_every_reason(inclust, pair):
    facts = json.loads(inclust("check", pair[0], pair[1], "--json").stdout)
    assert facts["light"] in ("green", "amber", "red")
    assert all(r["found"] and r["light"] in ("green", "amber", "red") for r in facts["reasons"])
    assert facts["groups"][0]["share"] > 0


def test_a_column_that_is_not_there_is_told(inclust, pair):
    result = inclust("check", pair[0], pair[1], "--section-labels", "nothing")
    assert result.exit_code == 3
    assert "no column 'nothing'" in result.stderr


def test_impute_and_score_begin_with_the_check_in_one_line(inclust, pair, tmp_path):
    said = inclust("score", pair[0], pair[1], "-o", tmp_path / "scores.csv", "--config", pair[2])
    assert "reference check: " in said.stderr
