"""Training: the masks hold, the seed holds, and what was stopped goes on to the bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_inclust.data.panel import align
from napari_inclust.data.section import Section
from napari_inclust.errors import RunError
from napari_inclust.imputation.fit import fit, fit_epochs
from napari_inclust.training.build_plan import build_imputation_plan
from napari_inclust.training.config import Config
from napari_inclust.training.trainer import Trainer


def trainer(section, reference, config, **changes):
    plan = build_imputation_plan(
        section, reference, align(section, reference), members=config.members, seed=0, labels="cell_type"
    )
    return Trainer(plan, config.replace(**changes))


def spoiled(section_adata, columns):
    """The same section with other values of some genes, their totals kept, so that nothing else changes."""
    adata = section_adata.copy()
    x = adata.X.toarray()
    x[:, columns] = np.random.default_rng(9).permuted(x[:, columns], axis=1)
    adata.X = x
    return Section.from_adata(adata)


def member_weights(t, member):
    return torch.cat([p[member].detach().flatten() for p in t.model.parameters()])


def test_a_member_is_blind_to_the_sections_values_of_its_fold(section, section_adata, reference, config):
    fold = np.flatnonzero(trainer(section, reference, config).plan.hidden_features[0][:24])
    one = trainer(section, reference, config, epochs=1, steps=5)
    other = trainer(spoiled(section_adata, fold), reference, config, epochs=1, steps=5)
    one.run_epoch()
    other.run_epoch()
    assert torch.equal(member_weights(one, 0), member_weights(other, 0))
    assert not torch.equal(member_weights(one, 1), member_weights(other, 1))


def test_the_as_published_preset_shows_hidden_genes_of_the_reference_to_the_encoder_but_never_those_of_the_section(
    section, reference, config
):
    for mask_input in (True, False):
        t = trainer(section, reference, config, mask_input=mask_input)
        of_reference, of_section = (t.masks(p)[0].sum(-1).ravel().tolist() for p in t.plan.presentations)
        assert of_section == [16, 16, 16, 24]
        assert of_reference == ([16, 16, 16, 24] if mask_input else [24] * 4)


def test_training_as_published_does_not_depend_on_what_the_section_has_of_the_hidden_genes(
    section, section_adata, reference
):
    config = Config.preset("as-published", members=3, epochs=1, steps=5, device="cpu", threads=1)
    fold = trainer(section, reference, config).plan.hidden_features[0, :24]
    one, other = trainer(section, reference, config), trainer(spoiled(section_adata, fold), reference, config)
    one.run_epoch()
    other.run_epoch()
    assert torch.equal(member_weights(one, 0), member_weights(other, 0))
    assert not torch.equal(member_weights(one, 1), member_weights(other, 1))


def test_epochs_tell_their_terms_their_validation_and_the_time(section, reference, config):
    steps = list(fit_epochs(section, reference, config, labels="cell_type"))
    trained = [e for e in steps if e.stage == "training"]
    assert [e.number for e in trained] == [1, 2, 3, 4]
    assert steps[-1].stage == "scoring"
    assert set(trained[0].terms) == {"reconstruction", "prior", "labels", "loss"}
    assert all(np.isfinite(e.validation) and e.seconds > 0 for e in trained)
    assert trained[-1].validation < trained[0].validation


def test_training_stops_early_and_keeps_the_best_weights(section, reference, config):
    t = trainer(section, reference, config, epochs=50, patience=2, learning_rate=0.5)
    while not t.done:
        t.run_epoch()
    assert t.epoch < 50
    assert t.epoch - t.best_epoch == 2
    t.model.load_state_dict(t.best_weights)
    with torch.no_grad():
        again = sum(float(v.mean()) for v in t.loss_terms(t.validation_rows, 1.0, training=False).values())
    assert again == pytest.approx(t.best_validation)


def test_the_same_seed_gives_the_same_table_and_the_same_genes(section, reference, config):
    a, b = (fit(section, reference, config, labels="cell_type") for _ in range(2))
    assert a.scores.equals(b.scores)
    assert np.array_equal(a.impute("Gene27").values, b.impute("Gene27").values)
    c = fit(section, reference, config.replace(seed=1), labels="cell_type")
    assert not np.array_equal(a.impute("Gene27").values, c.impute("Gene27").values)


def test_training_that_was_stopped_goes_on_to_the_bit(section, reference, config, tmp_path):
    straight = fit(section, reference, config)
    steps = fit_epochs(section, reference, config, checkpoint=tmp_path / "state")
    next(steps), next(steps)
    steps.close()
    assert (tmp_path / "state").exists()
    resumed = fit(section, reference, config, checkpoint=tmp_path / "state")
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            straight.trainer.model.state_dict().values(), resumed.trainer.model.state_dict().values(), strict=True
        )
    )
    assert list(tmp_path.iterdir()) == []


def test_training_that_was_interrupted_within_an_epoch_goes_on_from_the_last_whole_one(
    section, reference, config, tmp_path, monkeypatch
):
    straight = fit(section, reference, config)
    step, loss = iter(range(10_000)), Trainer.loss_terms

    def interrupted(*args, **options):
        if next(step) == 2 * (config.steps + 1) + 3:  # after two epochs, each with a validation
            raise KeyboardInterrupt
        return loss(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "loss_terms", interrupted)
        with pytest.raises(KeyboardInterrupt):
            fit(section, reference, config, checkpoint=tmp_path / "state")
    resumed = fit(section, reference, config, checkpoint=tmp_path / "state")
    assert [e.number for e in resumed.history] == [3, 4]
    assert all(
        torch.equal(a, b)
        for a, b in zip(
            straight.trainer.model.state_dict().values(), resumed.trainer.model.state_dict().values(), strict=True
        )
    )


def test_a_checkpoint_of_other_settings_or_a_damaged_one_is_refused(section, reference, config, tmp_path):
    steps = fit_epochs(section, reference, config, checkpoint=tmp_path / "state")
    next(steps)
    steps.close()
    with pytest.raises(RunError, match="made with another latent"):
        fit(section, reference, config.replace(latent=4), checkpoint=tmp_path / "state")
    (tmp_path / "state").write_bytes((tmp_path / "state").read_bytes()[:200])
    with pytest.raises(RunError, match=r"is no checkpoint, or a damaged one.*delete it"):
        fit(section, reference, config, checkpoint=tmp_path / "state")


def test_a_loss_that_is_not_a_number_is_told(section, reference, config):
    t = trainer(section, reference, config)
    t.model.head.weight.data[:] = float("nan")
    with pytest.raises(RunError, match="diverged in epoch 1"):
        t.run_epoch()
