"""The benchmark's input, ratios and output, on recorded numbers."""

import json
from argparse import ArgumentTypeError
from dataclasses import asdict, replace
from pathlib import Path

import pandas as pd
import pytest
from benchmarks import __main__, peers, studies, table
from benchmarks.bench import Bare, Bench, Scale
from benchmarks.commands import BenchmarkError, Memory, run
from benchmarks.rows import book, data, ending, hundred, limit, memory, overhead, partly, short
from benchmarks.table import Row

from searchlab.core.trial import Outcome, Report, Suggestion, Trial, TrialState
from searchlab.journal.events import Asked, Entry, Reported, Resumed, Told

PARAMS = [{"n_hidden": 2, "n_neurons": 64, "learning_rate": 0.01}, {"n_hidden": 0}]
PLAIN = peers.of_results(
    {"seconds": 100.0, "epochs": 300, "params": PARAMS, "values": [0.5, 0.4]}, wall=120.0
)


def journal() -> list[Entry]:
    """Return two trials of 400 and 200 model-epochs, told in reverse, in 16 seconds of search."""
    trials = [Trial(n, Suggestion(params, 100), 42) for n, params in enumerate(PARAMS)]
    outcomes = [
        Outcome(0, TrialState.COMPLETE, 0.5, epochs=400),
        Outcome(1, TrialState.COMPLETE, 0.4, epochs=200),
    ]
    return [
        Entry(Resumed(2, None, "fused", 1), 1000.0),
        Entry(Asked(trials[0]), 1001.0),
        Entry(Asked(trials[1]), 1001.0),
        Entry(Reported(Report(0, 0, 1, {"val_loss": 1.0})), 1002.0),
        Entry(Reported(Report(0, 0, 2, {"val_loss": 0.9})), 1003.0),
        Entry(Told(outcomes[1]), 1010.0),
        Entry(Told(outcomes[0]), 1016.0),
    ]


OURS = studies.of_journal(journal(), Path("study"), seconds=20.0)


class Recorded(Bench):
    """A benchmark with recorded measurements."""

    book = hundred = OURS
    ended = replace(OURS, seconds=30.0)
    digits = OURS, replace(OURS, seconds=12.0)
    digits_ended = OURS, replace(OURS, seconds=30.0)
    plain_book = PLAIN
    bare_hundred = Bare(12.8, (400, 200), steps=242)


@pytest.fixture
def bench(tmp_path):
    kept = peers.Peers(tmp_path / "plain", tmp_path / "kept", reuse=True)
    return Recorded("fused", 1, Scale(), tmp_path / "ours", kept)


def test_a_table_to_prepare_has_its_shape_and_is_measured_in_words(tmp_path):
    """Random numbers of so many rows and columns, and a target that they explain partly."""
    data.write_table(tmp_path / "t" / "t.csv", 300, 4)
    frame = pd.read_csv(tmp_path / "t" / "t.csv")
    assert frame.shape == (300, 5)
    assert frame.corr()["y"]["c0"] > 0.3
    told = data.told({"seconds": 12.34, "imports": 200_000_000, "peak": 500_000_000})
    assert told == "12.3 s, memory 500 MB at most, 200 MB of them imports"


def test_a_journal_tells_what_a_study_took():
    """Trials are sorted by number, epochs are summed, and the search ends with the last outcome."""
    assert OURS.params == PARAMS
    assert OURS.values == [0.5, 0.4]
    assert (OURS.epochs, OURS.rate, OURS.searching) == (600, 30.0, 16.0)


def test_a_study_that_has_not_ended_is_not_measured():
    """A journal with a trial without an outcome is rejected."""
    with pytest.raises(BenchmarkError, match="not every trial"):
        studies.of_journal(journal()[:-1], Path("study"), 20.0)


def test_ended_trials_are_counted_while_the_study_runs(tmp_path):
    """Only outcomes count, and a study without a journal has none."""
    from searchlab.journal.home import StudyHome
    from searchlab.journal.journal import Journal

    assert studies.ended("small", tmp_path) == 0
    with Journal(StudyHome("small", tmp_path).paths.journal) as file:
        for entry in journal()[:-1]:
            file.append(entry.event)
    assert studies.ended("small", tmp_path) == 1


def test_a_study_is_the_books_but_for_its_changes():
    """A change replaces a whole value and leaves its neighbors as in the book."""
    changes = {"search.trials": 3, "evaluation": {"holdout": 0.2}}
    study = studies.book(changes, "process")
    assert study["search"] == {"backend": "randomized", "trials": 3, "seed": 42}
    assert study["evaluation"] == {"holdout": 0.2}
    assert study["execution"] == {"executor": "process"}
    assert studies.book({}, "process")["evaluation"] == {"folds": 3}


@pytest.mark.parametrize(
    ("module", "result"),
    [(book, "6.0 x"), (ending, "90.0 x"), (hundred, "10.0 x"), (overhead, "25 % more")],
)
def test_ratios(bench, module, result):
    """120 s are 6 times 20 s, 900 s 90 times 10 s, 30/s 10 times 3/s, 16 s 25 % over 12.8 s."""
    (row,) = module.rows(bench)
    assert row.result == result


def test_a_short_study_is_compared_the_first_time_and_again(bench):
    """120 s are 6 times 20 s, 10 times 12 s and 4 times 30 s."""
    bench.peers.store.mkdir()
    (bench.peers.store / "digits_search-20-30.json").write_text(json.dumps(asdict(PLAIN)))
    assert [row.result for row in short.rows(bench)] == ["6.0 x", "10.0 x", "4.0 x"]


def test_the_books_row_shows_both_winners(bench):
    """It has the best candidate and score of both, and the number of identical candidates."""
    (row,) = book.rows(bench)
    assert row.ours == "20.0 s; best is candidate 1, CV 0.4000"
    assert "120 s; best is candidate 1, CV 0.4000; 2 of 2 candidates are the same" in row.other


def test_part_of_a_plain_script_is_compared_by_its_rate():
    """The row says how many trials the script ran, and compares model-epochs per second."""
    pruned = replace(OURS.outcomes[1], state=TrialState.PRUNED)
    row = partly.compared("X", "x", replace(OURS, outcomes=(OURS.outcomes[0], pruned)), PLAIN)
    assert "2 trials, 1 pruned" in row.what
    assert "the first 2 trials only" in row.other
    assert row.result == "10.0 x"


def test_candidates_are_alike_until_the_first_that_differs():
    """The sixth digit makes a difference but not the twelfth; types do."""
    rate = PARAMS[0]["learning_rate"]
    near = [{**PARAMS[0], "learning_rate": rate * (1 + 1e-12)}, {"n_hidden": 0}]
    far = [{**PARAMS[0], "learning_rate": rate * (1 + 1e-6)}, {"n_hidden": 0}]
    assert peers.alike(PARAMS, near) == 2
    assert peers.alike(PARAMS, far) == 0
    assert peers.alike(PARAMS, [PARAMS[0], {"n_neurons": 0}]) == 1
    assert peers.alike(PARAMS, PARAMS[:1]) == 1


def test_a_plain_script_is_run_unless_its_numbers_are_to_be_reused(tmp_path, monkeypatch):
    """A stored measurement is used only on request, and the table then gives its date."""
    ran = []
    results = {"seconds": 1.0, "epochs": 4, "params": PARAMS, "values": [0.5, None]}

    class Done:
        seconds = 2.0

        def __init__(self, command, directory):
            ran.append(command)
            self.results = results

    monkeypatch.setattr(peers.commands, "run", Done)
    again = peers.Peers(tmp_path / "plain", tmp_path / "kept", reuse=False)
    first = again.run("random_search", 2, 4)
    assert (first.rate, first.wall, first.remark) == (4.0, 2.0, "")
    assert again.run("random_search", 2, 4).remark == ""
    assert len(ran) == 2
    reusing = replace(again, reuse=True)
    kept = reusing.run("random_search", 2, 4)
    assert len(ran) == 2
    assert (kept.rate, kept.values) == (4.0, [0.5, None])
    assert kept.remark == f"; plain script measured on {first.date}"
    assert reusing.run("random_search", 3, 4).remark == ""


def test_bare_training_must_be_of_the_very_same_trials(tmp_path, monkeypatch):
    """Numbers of epochs that differ from the study's are rejected."""
    bench = Bench("fused", 1, Scale(), tmp_path, peers.Peers(tmp_path, tmp_path, False))
    bench.hundred = OURS
    for epochs in ((400, 200), (400, 199)):
        bare = Bare(12.8, epochs, steps=242)
        monkeypatch.setattr(bench, "bare", lambda *_, bare=bare: bare)
        if epochs == (400, 200):
            assert bench.bare_hundred is bare
            del bench.bare_hundred
        else:
            with pytest.raises(BenchmarkError, match="other numbers of epochs"):
                _ = bench.bare_hundred


def test_the_limit_weighs_models_by_their_epochs():
    """Two cores, 300 epochs of 0.01 s and 100 of 0.03 s: 400 epochs in 6 core-seconds."""
    bare = Bare(10.0, (300, 100), steps=10)
    assert limit.limit_rate([0.001, 0.003], bare, cores=2) == pytest.approx(400 / 3)


def test_memory_is_looked_at_between_two_trials():
    """Samples before and after the search do not count."""
    samples = [(n, Memory(n, 2 * n)) for n in (0, 40, 60, 500, 990, 1000, 1000)]
    early, late = memory.pick(samples, early=50)
    assert (early[0], late[0]) == (60, 990)
    with pytest.raises(BenchmarkError, match="not seen twice"):
        memory.pick(samples, early=700)


def test_the_table_goes_between_its_markers():
    """The text around the markers stays, the text between them is replaced; both are required."""
    rows = [Row("a", "1 s", "2 s", "2.0 x")]
    text = f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n"
    written = table.with_table(text, table.markdown(rows, "On this."))
    assert written.startswith(f"before\n{table.BEGIN}\n| what |")
    assert "| a | 1 s | 2 s | 2.0 x |\n\nOn this.\n" in written
    assert written.endswith(f"{table.END}\nafter\n")
    assert "old" not in written
    with pytest.raises(ValueError, match="has no"):
        table.with_table("nothing", "table")


def test_the_page_on_speed_has_a_place_for_the_table():
    """docs/speed.md contains the markers in order."""
    table.with_table((__main__.ROOT / "docs" / "speed.md").read_text(), "table")


def test_a_row_that_fails_does_not_stop_the_others(bench, monkeypatch):
    """Its error is reported, and the other rows are complete."""

    def fails(_bench):
        raise BenchmarkError("no such thing")

    monkeypatch.setitem(__main__.ROWS, "hundred", fails)
    rows, failures = __main__.measure(bench, ["book", "hundred", "overhead"])
    assert len(rows) == 2
    assert failures == ["hundred: no such thing"]


def test_rows_are_chosen_by_name():
    """They keep the order of the table, and an unknown one is rejected."""
    assert __main__.names("overhead,book") == ["book", "overhead"]
    with pytest.raises(ArgumentTypeError, match="choose from"):
        __main__.names("book,books")


def test_a_program_that_fails_is_no_measurement(tmp_path):
    """Its exit code and last output are reported; a success returns its last line."""
    good = run(["-c", "print('x'); print('{\"seconds\": 2}')"], tmp_path / "good")
    assert good.results == {"seconds": 2}
    with pytest.raises(BenchmarkError, match=r"exit code 3\nbad luck"):
        run(["-c", "import sys; sys.stderr.write('bad luck'); sys.exit(3)"], tmp_path / "bad")
