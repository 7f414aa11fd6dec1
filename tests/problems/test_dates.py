"""Dates as people write them, read as decimal years."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.problems.dates import DateError, date_text, decimal_year, is_date, read_dates

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

MAY = decimal_year(datetime(2024, 5, 31, tzinfo=UTC))


def read(*texts: str) -> tuple[FloatArray, str]:
    reading = read_dates(texts, [not text for text in texts])
    while True:
        try:
            next(reading)
        except StopIteration as done:
            result: tuple[FloatArray, str] = done.value
            return result


@pytest.mark.parametrize(
    "text",
    [
        "2024-05-31",
        "2024/5/31",
        "2024.05.31",
        "20240531",
        "31.5.2024",
        "31. 05. 2024",
        "31.05.24",
        "5/31/2024",
        "05/31/24",
        "31/05/2024",
        "31-05-2024",
        "31 May 2024",
        "31-may-2024",
        "May 31, 2024",
        "may 31 2024",
        " 2024-05-31 ",
        "2024-05-31T00:00:00",
        "2024-05-31 00:00",
        "2024-05-31T00:00:00.000Z",
        "2024-05-31 02:00:00+02:00",
        "2024-05-30T19:30-0430",
        "31.05.2024 0:00:00",
        "5/31/2024 12:00 AM",
        "2024-05-30 24:00",
    ],
)
def test_what_people_write(text: str) -> None:
    years, note = read(text)
    np.testing.assert_allclose(years, [MAY], rtol=0, atol=1e-12)
    assert note == ""
    assert is_date(text)


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("2024-01", 2024.0),
        ("01/2024", 2024.0),
        ("Jan 2024", 2024.0),
        ("2024Q1", 2024.0),
        ("2023 Q3", 2023 + 181 / 365),
        ("2024-07-02", 2024.5),
        ("2023-07-02 12:00", 2023.5),
        ("2023-07-02 12:00 PM", 2023.5),
        ("1/1/68", 2068.0),
        ("1/1/69", 1969.0),
        ("0001-01-01", 1.0),
    ],
)
def test_months_quarters_and_times_of_day(text: str, year: float) -> None:
    np.testing.assert_allclose(read(text)[0], [year], atol=1e-9)


@pytest.mark.parametrize(
    "text",
    ["", "a", "2024-13-01", "2024-02-30", "31.31.2024", "2024-05-31 25:00", "12:30", "1.5", "2024-05-31 13:00 PM"],
)
def test_what_is_no_date(text: str) -> None:
    assert not is_date(text)


def test_the_whole_column_decides_between_day_and_month() -> None:
    assert read("1/2/2024", "13/2/2024")[0][0] == read("2024-02-01")[0][0]
    assert read("1/2/2024", "2/13/2024")[0][0] == read("2024-01-02")[0][0]


def test_of_two_readings_the_one_in_which_the_dates_increase_else_the_note_says_which() -> None:
    # As days of one month these go back and forth; as months they increase.
    years, note = read("1/5/2023", "1/6/2023", "2/3/2023")
    np.testing.assert_array_equal(years, read("2023-01-05", "2023-01-06", "2023-02-03")[0])
    assert note == ""
    years, note = read("5/1/2023", "1/5/2023", "2/4/2023")
    np.testing.assert_array_equal(years, read("2023-05-01", "2023-01-05", "2023-02-04")[0])
    assert note == "dates read as month/day/year"
    assert read("1/5/2023", "1/6/2023", "1/7/2023")[1] == "dates read as month/day/year"


def test_missing_dates_are_nan() -> None:
    np.testing.assert_allclose(read("", "2024-07-02", "")[0], [np.nan, 2024.5, np.nan])


@pytest.mark.parametrize(
    ("texts", "row", "message"),
    [
        (
            ("2024-01-01", "2024-01-02", "03.01.2024"),
            2,
            "'03.01.2024' is written otherwise than '2024-01-01'; write all dates in one way, as in 2024-05-31",
        ),
        (("", "13/01/2024", "1/14/2024"), 2, "'1/14/2024' is written otherwise than '13/01/2024'"),
        (("2024-01-01", "2024"), 1, "'2024' is written otherwise than '2024-01-01'"),
        (("2024-01-01", "soon"), 1, "'soon' is neither a number nor a date; write it as in 2024-05-31"),
    ],
)
def test_two_ways_in_one_column_are_refused(texts: tuple[str, ...], row: int, message: str) -> None:
    with pytest.raises(DateError, match=re.escape(message)) as caught:
        read(*texts)
    assert caught.value.row == row


@given(st.datetimes(datetime(1, 1, 2), datetime(9998, 12, 30)))
def test_a_date_comes_back(moment: datetime) -> None:
    year = read(moment.isoformat(timespec="seconds"))[0][0]
    assert year == pytest.approx(decimal_year(moment.replace(microsecond=0)), abs=1e-9)
    assert date_text(decimal_year(moment.replace(hour=0, minute=0, second=0, microsecond=0))) == str(moment.date())


def test_years_beyond_the_calendar_are_shown_as_numbers() -> None:
    assert date_text(-44.5) == "-44.5"
    assert date_text(20000.0) == "20000"
