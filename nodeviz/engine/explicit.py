"""The explicit Runge-Kutta methods up to order 5, each a row of data with its source."""

from __future__ import annotations

from nodeviz.engine.tableau import ButcherTableau

_HAIRER = "Hairer, Norsett, Wanner: Solving ODEs I (1993)"

EULER = ButcherTableau(
    name="euler",
    title="Euler",
    order=1,
    source=f"{_HAIRER}, section I.7",
    c=(0.0,),
    a=((),),
    b=(1.0,),
)
MIDPOINT = ButcherTableau(
    name="midpoint",
    title="Explicit midpoint",
    order=2,
    source=f"{_HAIRER}, section II.1, table 1.1",
    c=(0.0, 1 / 2),
    a=((), (1 / 2,)),
    b=(0.0, 1.0),
)
HEUN = ButcherTableau(
    name="heun",
    title="Heun (order 2)",
    order=2,
    source="Heun, Z. Math. Phys. 45 (1900) 23",
    c=(0.0, 1.0),
    a=((), (1.0,)),
    b=(1 / 2, 1 / 2),
)
RALSTON = ButcherTableau(
    name="ralston",
    title="Ralston (order 2)",
    order=2,
    source="Ralston, Math. Comp. 16 (1962) 431: least truncation error of order 2",
    c=(0.0, 2 / 3),
    a=((), (2 / 3,)),
    b=(1 / 4, 3 / 4),
)
KUTTA3 = ButcherTableau(
    name="kutta3",
    title="Kutta (order 3)",
    order=3,
    source="Kutta, Z. Math. Phys. 46 (1901) 435",
    c=(0.0, 1 / 2, 1.0),
    a=((), (1 / 2,), (-1.0, 2.0)),
    b=(1 / 6, 2 / 3, 1 / 6),
)
RK4 = ButcherTableau(
    name="rk4",
    title="Classic Runge-Kutta (order 4)",
    order=4,
    source=f"{_HAIRER}, section II.1, table 1.2: the Runge-Kutta method, not the 3/8 rule",
    c=(0.0, 1 / 2, 1 / 2, 1.0),
    a=((), (1 / 2,), (0.0, 1 / 2), (0.0, 0.0, 1.0)),
    b=(1 / 6, 1 / 3, 1 / 3, 1 / 6),
)
RK38 = ButcherTableau(
    name="rk38",
    title="Kutta's 3/8 rule (order 4)",
    order=4,
    source=f"{_HAIRER}, section II.1, table 1.2: the 3/8 rule",
    c=(0.0, 1 / 3, 2 / 3, 1.0),
    a=((), (1 / 3,), (-1 / 3, 1.0), (1.0, -1.0, 1.0)),
    b=(1 / 8, 3 / 8, 3 / 8, 1 / 8),
)
BOSH3 = ButcherTableau(
    name="bosh3",
    title="Bogacki-Shampine 3(2)",
    order=3,
    err_order=2,
    source="Bogacki, Shampine, Appl. Math. Lett. 2 (1989) 321",
    c=(0.0, 1 / 2, 3 / 4, 1.0),
    a=((), (1 / 2,), (0.0, 3 / 4), (2 / 9, 1 / 3, 4 / 9)),
    b=(2 / 9, 1 / 3, 4 / 9, 0.0),
    b_err=(2 / 9 - 7 / 24, 1 / 3 - 1 / 4, 4 / 9 - 1 / 3, -1 / 8),
)
DOPRI5 = ButcherTableau(
    name="dopri5",
    title="Dormand-Prince 5(4)",
    order=5,
    err_order=4,
    source="Dormand, Prince, J. Comp. Appl. Math. 6 (1980) 19; interpolant: Shampine, Math. Comp. 46 (1986) 135",
    c=(0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0),
    a=(
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    ),
    b=(35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84, 0.0),
    b_err=(71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40),
    dense=(
        (1.0, -8048581381 / 2820520608, 8663915743 / 2820520608, -12715105075 / 11282082432),
        (0.0, 0.0, 0.0, 0.0),
        (0.0, 131558114200 / 32700410799, -68118460800 / 10900136933, 87487479700 / 32700410799),
        (0.0, -1754552775 / 470086768, 14199869525 / 1410260304, -10690763975 / 1880347072),
        (0.0, 127303824393 / 49829197408, -318862633887 / 49829197408, 701980252875 / 199316789632),
        (0.0, -282668133 / 205662961, 2019193451 / 616988883, -1453857185 / 822651844),
        (0.0, 40617522 / 29380423, -110615467 / 29380423, 69997945 / 29380423),
    ),
)
TSIT5 = ButcherTableau(
    name="tsit5",
    title="Tsitouras 5(4)",
    order=5,
    err_order=4,
    source="Tsitouras, Comput. Math. Appl. 62 (2011) 770, rounded to float64",
    c=(0.0, 0.161, 0.327, 0.9, 0.9800255409045097, 1.0, 1.0),
    a=(
        (),
        (0.161,),
        (-0.008480655492356989, 0.335480655492357),
        (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
        (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
        (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
        (0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774),
    ),
    b=(0.09646076681806523, 0.01, 0.4798896504144996, 1.379008574103742, -3.290069515436081, 2.324710524099774, 0.0),
    b_err=(
        -0.00178001105222577714,
        -0.0008164344596567469,
        0.007880878010261995,
        -0.1447110071732629,
        0.5823571654525552,
        -0.45808210592918697,
        1 / 66,
    ),
)
