from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensong.coverage.antenna_file import parse_antennas, parse_msi
from lensong.propagation.errors import DataError, OutOfRangeError


def cut_lines(cut: str, losses: list[float], separator: str = " ") -> str:
    lines = [f"{cut}{separator}360"]
    lines += [f"{angle}{separator}{loss:.2f}" for angle, loss in enumerate(losses)]
    return "\n".join(lines)


def bowl(limit: float, middle: int = 0) -> list[float]:
    """Return a smooth cut with its main beam at ``middle``."""
    return [min(0.01 * ((a - middle + 180) % 360 - 180) ** 2, limit) for a in range(360)]


def msi(gain: str = "GAIN 15.35 dBd", head: str = "NAME K-742", separator: str = " ") -> str:
    return "\n".join(
        [
            head,
            "MAKE Example",
            "FREQUENCY 1805-1880",
            gain,
            "TILT ELECTRICAL",
            cut_lines("HORIZONTAL", bowl(28.0), separator),
            cut_lines("VERTICAL", bowl(35.0, middle=6), separator),
        ]
    )


def test_a_complete_file_is_read() -> None:
    pattern = parse_msi(msi(), "742_T06")
    assert pattern.name == "742_T06"
    assert pattern.gain_dbi == pytest.approx(17.5)
    assert pattern.freq_mhz == 1842.5
    assert pattern.horizontal_loss_db == pytest.approx(bowl(28.0), abs=0.006)  # printed to 0.01
    assert pattern.vertical_loss_db == pytest.approx(bowl(35.0, middle=6), abs=0.006)
    assert pattern.electrical_downtilt_deg == 6
    assert pattern.max_loss_db == 35.0


@pytest.mark.parametrize(
    ("gain", "gain_dbi"),
    [
        ("GAIN 15.35 dBd", 17.5),
        ("GAIN 15.35", 17.5),  # the trap: without a unit it is dBd
        ("GAIN 17.5 dBi", 17.5),
        ("gain\t17.5dBi", 17.5),
        ("Gain 17,5 DBI", 17.5),
        ("GAIN 0", 2.15),
        ("GAIN 17.5 (dBi)", 17.5),
        ("GAIN 17.5 [dBi]", 17.5),
        ("GAIN (dBi) 17.5", 17.5),
        ("GAIN_DBI 17.5", 17.5),
        ("GAIN_dBd: 15.35", 17.5),
        ("GAIN = 17.5 dbi", 17.5),
        ("GAIN dBi 17.5", 17.5),
        ("GAIN 17.5 dB i", 17.5),
        ("GAIN 17.5 dBi # at 1800 MHz", 17.5),
        ("GAIN 15.35 dBd (17.5 dBi)", 17.5),
        ("GAIN 15.35 dBd / 17.5 dBi", 17.5),
        ("GAIN 15.35 (dBd)", 17.5),
    ],
)
def test_gain_units(gain: str, gain_dbi: float) -> None:
    assert parse_msi(msi(gain=gain), "x").gain_dbi == pytest.approx(gain_dbi)


@pytest.mark.parametrize("head", ["K-742", "name K-742", "NAME\tK-742", "\ufeffNAME K-742"])
def test_vendors_write_the_first_line_in_their_own_way(head: str) -> None:
    patterns = parse_antennas({"antennas/742_T06.msi": msi(head=head)})
    assert set(patterns) == {"742_T06", "K-742"}
    assert patterns["K-742"] is patterns["742_T06"]


def test_case_tabs_line_ends_and_decimal_commas_do_not_matter() -> None:
    plain = parse_msi(msi(), "x")
    odd = msi(separator="\t").lower().replace("\n", "\r\n").replace(".", ",")
    other = parse_msi(odd, "x")
    assert np.array_equal(plain.vertical_loss_db, other.vertical_loss_db)
    assert other.gain_dbi == plain.gain_dbi


def test_the_vertical_cut_may_come_first() -> None:
    text = "\n".join(["GAIN 3 dBi", cut_lines("VERTICAL", bowl(9.0)),
                      cut_lines("HORIZONTAL", [0.0] * 360)])  # fmt: skip
    assert parse_msi(text, "x").horizontal_loss_db.max() == 0.0


@given(st.permutations(list(range(360))))
@pytest.mark.slow
def test_the_order_of_the_angles_does_not_matter(order: list[int]) -> None:
    losses = bowl(30.0, middle=3)
    lines = [f"{angle} {losses[angle]:.2f}" for angle in order]
    text = "\n".join(["GAIN 3 dBi", "HORIZONTAL 360", *lines, cut_lines("VERTICAL", losses)])
    pattern = parse_msi(text, "x")
    assert np.array_equal(pattern.horizontal_loss_db, pattern.vertical_loss_db)


@given(st.integers(0, 359))
def test_a_truncated_cut_says_how_many_lines_were_found(found: int) -> None:
    text = "\n".join(msi().splitlines()[: -(360 - found)])
    message = f"the vertical cut of antenna file 'cut off' has {found} of 360 lines"
    with pytest.raises(DataError, match=message):
        parse_msi(text, "cut off")


def test_a_file_cut_off_inside_the_first_cut_is_refused() -> None:
    text = "\n".join(msi().splitlines()[:100])
    with pytest.raises(DataError, match="horizontal cut of antenna file 'x' has 94 of 360 lines"):
        parse_msi(text, "x")


@pytest.mark.parametrize(
    ("replace", "by", "message"),
    [
        ("\n17 ", "\n16 ", "has the angle 16 more than once and lacks 17"),
        ("\n17 ", "\n16.5 ", "has the angle 16.5, wanted whole degrees"),
        ("\n359 ", "\n360 ", "has the angle 360, wanted whole degrees from 0 to 359"),
        ("\n40 16.00", "\n40 -16.00", "has the loss -16 dB at 40 deg"),
        ("HORIZONTAL 360", "HORIZONTAL 720", "announces 720 lines, wanted 360"),
        ("VERTICAL 360", "ELEVATION 360", "has no VERTICAL cut"),
        ("GAIN 15.35 dBd", "GAIN high", "GAIN 'high', wanted a number with dBd or dBi"),
        ("GAIN 15.35 dBd", "COMMENT none", "GAIN '', wanted a number"),
        ("GAIN 15.35 dBd", "GAIN 15 dBm", "wanted a number with dBd or dBi"),
        ("GAIN 15.35 dBd", "GAIN 15 (dBm)", "wanted a number with dBd or dBi"),
        ("GAIN 15.35 dBd", "GAIN 15 dB", "wanted a number with dBd or dBi"),
        ("GAIN 15.35 dBd", "GAIN 15 dBic", "wanted a number with dBd or dBi"),
        ("GAIN 15.35 dBd", "GAIN 15 about", "wanted a number with dBd or dBi"),
        ("GAIN 15.35 dBd", "GAIN 15 dBd (18 dBi)", "are not one gain"),
        ("GAIN 15.35 dBd", "GAIN 15 dBd\nGAIN 18 dBi", "GAIN '15 dBd' and GAIN '18 dBi'"),
        ("VERTICAL 360", "HORIZONTAL 360", "has two HORIZONTAL cuts"),
        ("\n40 16.00", "\n40 nan", "has the line '40 nan', wanted an angle and a loss"),
        ("\n40 16.00", "\n40 inf", "has the line '40 inf', wanted an angle and a loss"),
        ("\n40 16.00", "\nnan 16.00", "has the line 'nan 16.00', wanted an angle and a loss"),
        ("\n40 16.00", "\n40 16.00 3", "has the line '40 16.00 3', wanted an angle and a loss"),
        ("\n40 16.00", "\n40 1e999", "whose numbers are out of all bounds"),
        ("\n40 16.00", "\n1e999 16.00", "whose numbers are out of all bounds"),
        ("FREQUENCY 1805-1880", "FREQUENCY 1e999", "FREQUENCY '1e999', wanted a frequency above"),
        ("FREQUENCY 1805-1880", "FREQUENCY -900", "FREQUENCY '-900', wanted a frequency above"),
        ("GAIN 15.35 dBd", "GAIN nan dBi", "wanted a number with dBd or dBi"),
    ],
)
def test_faulty_files_are_refused_with_the_fault(replace: str, by: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_msi(msi().replace(replace, by, 1), "x")


def test_an_infinite_gain_is_refused() -> None:
    with pytest.raises(OutOfRangeError, match="gain_dbi of antenna 'x' is inf"):
        parse_msi(msi(gain="GAIN 1e999 dBi"), "x")


def test_numbers_may_begin_with_their_point() -> None:
    text = msi().replace("\n1 0.01", "\n1 .01")
    assert np.array_equal(
        parse_msi(text, "x").vertical_loss_db, parse_msi(msi(), "x").vertical_loss_db
    )


def test_a_frequency_of_0_is_not_known() -> None:
    assert np.isnan(parse_msi(msi().replace("FREQUENCY 1805-1880", "FREQUENCY 0"), "x").freq_mhz)


def test_361_lines_are_refused() -> None:
    text = msi().replace("VERTICAL 360", "360 0.00\nVERTICAL 360")
    with pytest.raises(DataError, match="has 361 lines, wanted 360"):
        parse_msi(text, "x")


def test_two_files_of_one_name_are_refused_and_a_shared_inner_name_is_not_used() -> None:
    with pytest.raises(DataError, match="two antenna files are called 'a'"):
        parse_antennas({"x/a.msi": msi(), "y/a.pln": msi()})
    assert set(parse_antennas({"a.msi": msi(), "b.msi": msi()})) == {"a", "b"}


def test_comments_and_blank_lines_may_stand_anywhere() -> None:
    plain = parse_msi(msi(), "x")
    lines = ["# made with a tool", "", "! second comment"]
    for number, line in enumerate(msi().splitlines()):
        lines.append(line)
        if number % 50 == 7:
            lines += ["", "; a remark", "// another", "COMMENT measured at 1842 MHz", "  "]
    other = parse_msi("\n".join(lines), "x")
    assert np.array_equal(plain.horizontal_loss_db, other.horizontal_loss_db)
    assert np.array_equal(plain.vertical_loss_db, other.vertical_loss_db)
    assert other.gain_dbi == plain.gain_dbi
    assert set(parse_antennas({"a.msi": "\n".join(lines)})) == {"a", "K-742"}


@pytest.mark.parametrize(
    ("frequency", "freq_mhz"),
    [
        ("1842.5", 1842.5),
        ("1842.5 MHz", 1842.5),
        ("1.8425 GHz", 1842.5),
        ("1.805-1.880 GHz", 1842.5),
        ("1805 MHz - 1880 MHz", 1842.5),
        ("1842500 kHz", 1842.5),
    ],
)
def test_units_of_the_frequency(frequency: str, freq_mhz: float) -> None:
    text = msi().replace("FREQUENCY 1805-1880", f"FREQUENCY {frequency}")
    assert parse_msi(text, "x").freq_mhz == pytest.approx(freq_mhz)
