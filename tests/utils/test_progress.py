"""Progress stages and their callback."""

from __future__ import annotations

from napari_inclust.imputation.fit import fit
from napari_inclust.training.config import Config
from napari_inclust.utils.progress import listen_to_progress, progress_stage


def test_steps_are_reported_before_each_item_and_only_inside_the_listening_block():
    reported = []
    with listen_to_progress(lambda *step: reported.append(step)):
        assert list(progress_stage("counting", "ab")) == ["a", "b"]
    assert list(progress_stage("counting", "ab")) == ["a", "b"]
    assert reported == [("counting", 0, 2), ("counting", 1, 2)]


def test_every_stage_after_the_training_reports_its_progress(section, reference):
    reported = []
    with listen_to_progress(lambda *step: reported.append(step)):
        run = fit(
            section,
            reference,
            Config(epochs=1, members=2, steps=2, batch=32, latent=4, hidden=(8,), decoder_hidden=(8,)),
        )
        run.predict_scores(run.panel.reference_only)
        run.cell_table()
    assert list(dict.fromkeys(what for what, _, _ in reported)) == [
        "finding similar cells",
        "predicting the hidden genes",
        "refining these predictions",
        "predicting them with the baselines",
        "predicting scores",
        "cross-validating scores",
        "scoring the reliability of cells",
    ]
    assert [step[1:] for step in reported if step[0] == "predicting the hidden genes"] == [(0, 2), (1, 2)]


def test_python_can_print_the_progress_of_a_training(section, reference, capsys):
    fit(
        section,
        reference,
        Config(epochs=2, members=2, steps=2, batch=32, latent=4, hidden=(8,), decoder_hidden=(8,)),
        progress=True,
    )
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines] == [["training", "1/2"], ["training", "2/2"], ["scoring"]]
