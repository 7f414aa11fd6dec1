"""Series from files: what is read, what is refused, and in which words."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeviz.problems.series import Series, observations
from nodeviz.problems.series_csv import SeriesSet, read_series, read_series_steps
from nodeviz.problems.tables import TableError, write_table

if TYPE_CHECKING:
    from pathlib import Path

HALF_YEARS = "2023-07-02 12:00,1\n2024-07-02,2\n2023-01-01,3\n"


def read_all(tmp_path: Path, text: str | bytes, **options: Any) -> SeriesSet:
    path = tmp_path / "data.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_series(path, **options)


def read(tmp_path: Path, text: str | bytes, **options: Any) -> Series:
    found = read_all(tmp_path, text, **options)
    (series,) = found.series
    assert found.ids == ()
    assert found.note == series.note
    return series


@pytest.mark.parametrize(
    "text",
    [
        "t,y\n0.5,1.5\n-1,2\n3,-4e2\n",
        "0.5,1.5\n-1,2\n3,-4e2",
        "y,t\n1.5,0.5\n2,-1\n-4e2,3\n",
        "t;y\n0,5;1,5\n-1;2\n3;-4e2\n",
        "t\ty\n0.5\t1.5\n-1\t2\n3\t-4e2\n",
        "t y\n0.5 1.5\n-1 2\n3 -4e2\n",
        "0,5 1,5\n-1,0 2,0\n3,0 -4,0e2\n",
        "\ufefft,y\r\n0.5,1.5\r\n-1,2\r\n3,-4e2\r\n",
        "# a remark\n\nt,y\n0.5,1.5\n# another\n-1,2\n3,-4e2\n",
        "sep=;\nt;y\n0,5;1,5\n-1;2\n3;-4e2\n",
        "t,y,\n0.5,1.5,\n-1,2,\n3,-4e2,\n",
        ",time,y\n0,0.5,1.5\n1,-1,2\n2,3,-4e2\n",
        "year,month,decimal date,y\n1,2,0.5,1.5\n1,3,-1,2\n1,4,3,-4e2\n",
    ],
)
def test_what_people_write(tmp_path: Path, text: str) -> None:
    series = read(tmp_path, text)
    np.testing.assert_array_equal(series.t, [-1.0, 0.5, 3.0])
    np.testing.assert_array_equal(series.y, [[2.0], [1.5], [-400.0]])
    assert (series.names, series.unit, series.note) == (("y",), "", "")


def test_several_values_some_of_them_missing(tmp_path: Path) -> None:
    series = read(tmp_path, "day,north,south\n1,2.5,NA\n2,,\n3,,1e3\n4,nan,-\n")
    assert series.names == ("north", "south")
    np.testing.assert_array_equal(series.t, [1.0, 3.0])
    np.testing.assert_array_equal(series.y, [[2.5, np.nan], [np.nan, 1000.0]])
    assert series.note == "data.csv: 2 rows with missing values left out."


def test_utf16_and_western_files(tmp_path: Path) -> None:
    assert read(tmp_path, "t,höhe\n0,1\n1,2\n".encode("utf-16")).names == ("höhe",)
    assert read(tmp_path, "t,höhe\n0,1\n1,2\n".encode("cp1252")).names == ("höhe",)


# Dates ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [HALF_YEARS, f"date,y\n{HALF_YEARS}", "y is,date\n1,2023-01-01\n"])
def test_dates_are_decimal_years(tmp_path: Path, text: str) -> None:
    series = read(tmp_path, text)
    assert series.unit == "date"
    assert series.t[0] == 2023.0
    if len(series) > 1:
        np.testing.assert_allclose(series.t[1:], [2023.5, 2024.5])
        np.testing.assert_array_equal(series.y[:, 0], [3.0, 1.0, 2.0])


def test_compact_dates_are_no_numbers_and_years_are(tmp_path: Path) -> None:
    assert read(tmp_path, "date,y\n19580329,316\n19580405,317\n").unit == "date"
    assert read(tmp_path, "year,y\n1958,316\n1959,317\n").unit == ""


def test_dates_with_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    series = read(tmp_path, "Datum;Wert\n31.12.2023;1,5\n01.01.2023;2,5\n;3\n")
    assert series.t[0] == 2023.0
    np.testing.assert_array_equal(series.y[:, 0], [2.5, 1.5])
    assert series.note == "data.csv: 1 row with missing values left out."


def test_dates_that_can_be_read_in_two_ways_are_said(tmp_path: Path) -> None:
    series = read(tmp_path, "date,y\n1/2/2023,1\n1/3/2023,2\n")
    assert series.note == "data.csv: dates read as month/day/year."


def test_dates_in_two_formats_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TableError) as caught:
        read(tmp_path, "date,y\n2023-01-01,1\n2023-01-02,2\n03.01.2023,3\n")
    assert str(caught.value) == (
        "data.csv, line 4, column date: '03.01.2023' is written otherwise than '2023-01-01'; "
        "write all dates in one way, as in 2024-05-31"
    )


# Which columns -------------------------------------------------------------------------------------------------------

STATION = "station,time,temp,wind,quality\nA,0,1,10,good\nA,1,2,20,bad\n"


def test_columns_without_numbers_are_left_out_and_said(tmp_path: Path) -> None:
    series = read(tmp_path, STATION)
    assert series.names == ("temp", "wind")
    assert series.note == "data.csv: columns station, quality without numbers left out."


@pytest.mark.parametrize("columns", ["time, wind", "2,4", "TIME;4"])
def test_columns_by_name_or_number(tmp_path: Path, columns: str) -> None:
    series = read(tmp_path, STATION, columns=columns)
    assert series == Series([0.0, 1.0], [10.0, 20.0], ("wind",))
    assert series.note == ""


def test_columns_of_one_name_are_told_apart(tmp_path: Path) -> None:
    assert read(tmp_path, "t,y,y,\n0,1,2,\n").names == ("y (2)", "y (3)")
    assert len(set(read(tmp_path, f"t,{'y' * 50}a,{'y' * 50}b\n0,1,2\n").names)) == 2


def test_one_column_is_counted(tmp_path: Path) -> None:
    for text in ("flow\n5\n6\n7\n", "5\n6\n7\n"):
        series = read(tmp_path, text)
        np.testing.assert_array_equal(series.t, [0.0, 1.0, 2.0])
        np.testing.assert_array_equal(series.y[:, 0], [5.0, 6.0, 7.0])
        assert series.note == "data.csv: one column, so that the rows are counted as its times."


def test_more_channels_than_a_series_has(tmp_path: Path) -> None:
    header = ",".join(f"c{k}" for k in range(12))
    series = read(tmp_path, f"{header}\n{','.join(map(str, range(12)))}\n")
    assert series.channels == 8
    assert series.note == "data.csv: only the first 8 of 11 columns of values used."


def test_a_header_of_numbers_is_one_where_texts_stand_above_numbers(tmp_path: Path) -> None:
    assert read(tmp_path, "t,2020,2021\n0,5,6\n1,7,8\n").names == ("2020", "2021")


# Several series ------------------------------------------------------------------------------------------------------

SET = "id,t,y\nb,1,10\na,0,1\nb,0,20\na,1,2\n,5,5\n"


@pytest.mark.parametrize("id_column", ["", "id", "1"])
def test_a_series_for_each_id(tmp_path: Path, id_column: str) -> None:
    found = read_all(tmp_path, SET, id_column=id_column)
    assert found.ids == ("b", "a")
    assert found.series == (Series([0.0, 1.0], [20.0, 10.0]), Series([0.0, 1.0], [1.0, 2.0]))
    assert found.note == "data.csv: 1 row with missing values left out."


def test_any_column_may_hold_the_ids(tmp_path: Path) -> None:
    found = read_all(tmp_path, STATION.replace("A,1", "B,1"), id_column="station", columns="time,temp")
    assert found.ids == ("A", "B")
    assert [len(series) for series in found.series] == [1, 1]


def test_an_id_without_a_header(tmp_path: Path) -> None:
    found = read_all(tmp_path, "a,0,1\na,1,2\nb,0,3\n", id_column="1")
    assert found.ids == ("a", "b")
    assert found.series[0].names == ("y",)


def test_an_id_column_with_one_series_is_said(tmp_path: Path) -> None:
    found = read_all(tmp_path, "id,t,y\na,0,1\na,1,2\n")
    assert found.ids == ("a",)
    assert found.note == "data.csv: every row has the id 'a', so that there is one series only."


def test_a_column_that_numbers_the_rows_is_no_id(tmp_path: Path) -> None:
    series = read(tmp_path, "id,t,y\n1,0,1\n2,1,2\n")
    assert series == Series([0.0, 1.0], [1.0, 2.0])


def test_ids_of_rows_without_values_are_no_series(tmp_path: Path) -> None:
    found = read_all(tmp_path, "id,t,y\na,0,1\nb,0,\na,1,2\nb,1,NA\nc,0,2\nc,0,2\n")
    assert found.ids == ("a", "c")
    assert found.note == "data.csv: 2 rows with missing values left out; 1 row given twice used once."


# Peculiar data -------------------------------------------------------------------------------------------------------


def test_two_values_at_one_time_are_kept_and_said_and_repeated_rows_are_not(tmp_path: Path) -> None:
    series = read(tmp_path, "t,y\n0,1\n1,2\n1,3\n1,2\n1.0,2.0\n")
    np.testing.assert_array_equal(series.y[:, 0], [1.0, 2.0, 3.0])
    assert series.note == "data.csv: 2 rows given twice used once; 1 row at the time of another."


def test_a_constant_series_is_said(tmp_path: Path) -> None:
    series = read(tmp_path, "t,y\n0,5\n1,5\n2,5\n")
    assert series.note == "data.csv: y is 5 everywhere."
    assert np.isfinite(observations(series, own=False).x).all()


def test_huge_values_are_values(tmp_path: Path) -> None:
    series = read(tmp_path, "t,y\n0,1e300\n1,-1e300\n2,0\n")
    np.testing.assert_allclose(observations(series, own=False).x[:, 0], [1.5**0.5, -(1.5**0.5), 0.0])


def test_one_point_is_a_series(tmp_path: Path) -> None:
    assert read(tmp_path, "t,y\n7,5\n") == Series([7.0], [5.0])


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "data.csv: the file is empty"),
        ("t,y\n", {}, "data.csv: no line holds a time and a value; give a time and one or more values, as in 0.5,1.2"),
        ("t,y\n1,\n,2\n", {"columns": "t,y"}, "data.csv: no line holds a time and a value"),
        (
            "t,y\na,b\nc,d\n",
            {},
            "data.csv: no column of numbers, so that it is no series; give a time and one or more values",
        ),
        ("a,b\nc,d\n", {}, "data.csv: no column of numbers, so that it is no series"),
        ("t,y\n1,b\n2,d\n", {}, "data.csv: no column of numbers beside the column t; give a time"),
        ("name\nb\nc\n", {}, "data.csv: no column of numbers, so that it is no series"),
        ("some words\nof a letter\n", {}, "data.csv: no column of numbers, so that it is no series"),
        ("t,y\nlater,1\nsoon,2\n", {}, "data.csv, line 2, column t: 'later' is neither a number nor a date"),
        ("t,y\n0,1\n1,2\n2,oops\n", {}, "data.csv, line 4, column y: 'oops' is not a finite number"),
        ("t,y\n0,1\n1,inf\n", {}, "line 3, column y: 'inf' is not a finite number"),
        ("t,y\n0,1\noops,2\n2,3\n", {}, "line 3, column t: 'oops' is not a finite number"),
        ("t,y\n0,1\n1,1e305\n", {}, "data.csv: y[1, 0]=1e+305: not within ±1e+300"),
        ("t,y\n0,1\n0,5,1,5\n", {}, "data.csv, line 3: 4 fields under 2 headings; with decimal commas, separate"),
        ("t,y\n0,1\n", {"columns": "t,z"}, "data.csv: no column 'z'; the columns are t, y"),
        ("0,1\n1,2\n", {"columns": "1,3"}, "data.csv: no column '3'; the columns are 1 to 2"),
        ("t,y\n0,1\n", {"columns": "t"}, "columns=t: one column; name the time and one or more values"),
        ("t,y\n0,1\n", {"columns": "t,y,Y"}, "columns=t,y,Y: y has two roles; name each column once"),
        ("t,y\n0,1\n", {"columns": "t,y", "id_column": "y"}, "columns=t,y: y has two roles"),
        ("t,y\n0,1\n", {"columns": "t,y", "id_column": "who"}, "data.csv: no column 'who'; the columns are t, y"),
        (
            ",".join(f"c{k}" for k in range(12)) + "\n" + ",".join(map(str, range(12))),
            {"columns": ",".join(map(str, range(1, 11)))},
            "columns=1,2,3,4,5,6,7,8,9,10: 9 values, above the limit 8; name fewer",
        ),
        ("id,t,y\n" + "".join(f"{k},0,1\n{k},1,2\n" for k in range(10_001)), {}, "10001 series, above the limit 10000"),
        (
            "id\na\nb\n",
            {},
            "data.csv: one column, of ids; give a time and one or more values, as in 0.5,1.2, beside it",
        ),
        (b"\x00\x01\x02,1\n", {}, "data.csv: not a text file; save the table as CSV"),
    ],
)
def test_what_is_refused_and_in_which_words(
    tmp_path: Path, text: str | bytes, options: dict[str, str], message: str
) -> None:
    with pytest.raises(TableError, match=re.escape(message)) as caught:
        read_all(tmp_path, text, **options)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=r"none\.csv: cannot be opened"):
        read_series(tmp_path / "none.csv")


def test_a_large_file_is_read_in_pieces_and_to_its_limit(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    path.write_text("t,y\n" + "".join(f"{i},{i % 7}\n" for i in range(2000)))
    reading = read_series_steps(path, most=1500)
    pieces, found = 0, None
    while found is None:
        try:
            next(reading)
            pieces += 1
        except StopIteration as done:
            found = done.value
    assert pieces >= 12
    assert len(found.series[0]) == 1500
    assert found.note == "large.csv: only the first 1500 rows used."


def test_a_hundred_thousand_rows_take_seconds(tmp_path: Path) -> None:
    path = tmp_path / "large.csv"
    t = np.linspace(0.0, 1.0, 10**5)
    write_table(path, {"t": t, "y": np.sin(t)})
    start = time.process_time()
    series = read_series(path).series[0]
    assert time.process_time() - start < 5.0
    np.testing.assert_array_equal(series.t, t)
    assert len(observations(series, own=False).rows) == 500


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.text(alphabet="01259.,;-/ \n\tatymNA#\"'e", max_size=120), st.sampled_from(["", "1,2", "t,y"]))
def test_whatever_a_file_holds_the_answer_is_series_or_one_sentence(tmp_path: Path, text: str, columns: str) -> None:
    try:
        found = read_all(tmp_path, text, columns=columns)
    except TableError as error:
        said = str(error)
    else:
        said = found.note
        assert len(found) >= 1
        assert all(len(series) for series in found.series)
    assert "\n" not in said
