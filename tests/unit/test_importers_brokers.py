"""The brokers' exports as they really look: every quirk, and every total to the cent."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from allocation.adapters.importers import ImportedFile, read_accounts
from allocation.errors import ImportFileError
from allocation.model import Portfolio, PriceSource, TaxLot, TaxTreatment

GOLDEN = Path(__file__).parent.parent / "golden" / "imports"
NOW = datetime(2026, 11, 22, 15, 0, tzinfo=UTC)
EASTERN = ZoneInfo("America/New_York")


def read(name: str) -> ImportedFile:
    return read_accounts((GOLDEN / name).read_bytes(), "upload.csv", NOW)


def read_text(text: str) -> ImportedFile:
    return read_accounts(text.encode(), "upload.csv", NOW)


def aside(portfolio: Portfolio) -> dict[str, Decimal | None]:
    return {item.description.split()[0]: item.value for item in portfolio.set_aside}


# ── Fidelity ────────────────────────────────────────────────────────────────────────────────────────────────────────

FIDELITY_HEADER = (
    "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Current Value,Cost Basis Total,Type\n"
)


def test_fidelity_accounts_come_apart_by_number_with_their_own_cash():
    individual, roth = read("fidelity_2024.csv").portfolios

    assert (individual.account.name, individual.account.masked_number) == ("Individual - TOD", "…0030")
    assert (roth.account.name, roth.account.tax_treatment) == ("ROTH IRA", TaxTreatment.TAX_FREE)
    assert roth.cash == Decimal("100.00")


def test_fidelity_data_rows_have_one_comma_more_than_the_header_and_no_column_shifts():
    individual = read("fidelity_2024.csv").portfolios[0]

    assert individual.quantities["VTI"] == Decimal("62.5")
    assert individual.positions[0].quote.price == Decimal("250.10")
    assert individual.positions[0].lots == (TaxLot(Decimal("62.5"), Decimal("200.00")),)


def test_fidelity_prices_carry_the_time_of_the_download():
    quote = read("fidelity_2024.csv").portfolios[0].positions[0].quote

    assert quote.source == PriceSource.FILE
    assert quote.time == datetime(2026, 11, 20, 16, 10, tzinfo=EASTERN)


def test_a_symbol_held_as_cash_and_margin_is_one_position_with_two_lots():
    file = read("fidelity_2024.csv")

    nvidia = next(p for p in file.portfolios[0].positions if p.symbol == "NVDA")

    assert nvidia.quantity == Decimal("42.5")
    assert nvidia.lots == (TaxLot(Decimal(30), Decimal(100)), TaxLot(Decimal("12.5"), Decimal(120)))
    assert any("NVDA stands on lines 5, 6" in note for note in file.reconciliations[0].notes)


def test_a_cost_basis_of_two_dashes_gives_no_lot():
    berkshire = next(p for p in read("fidelity_2024.csv").portfolios[0].positions if p.symbol == "BRKB")

    assert berkshire.lots == ()


def test_fidelity_options_and_bonds_are_set_aside_with_their_value():
    individual = read("fidelity_2024.csv").portfolios[0]

    assert aside(individual) == {"-NVDA261218C150": Decimal(-625), "912797KX4": Decimal(4980)}


def test_pending_money_going_out_is_taken_off_the_cash_and_coming_in_is_not_spendable():
    individual, roth = read("fidelity_2024.csv").portfolios

    assert individual.cash == Decimal("1060.25")  # 1,250.75 − 190.50
    assert aside(roth) == {"Pending": Decimal(25)}


def test_the_values_of_a_fidelity_account_add_up_to_what_its_rows_say():
    individual, roth = read("fidelity_2024.csv").reconciliations

    # 1250.75 + 15631.25 + 4805 + 4200 + 1750 − 625 + 4980 − 190.50, and 16571.58 + 100 + 25
    assert individual.our_total == Decimal("31801.50")
    assert roth.our_total == Decimal("16696.58")
    assert (individual.file_total, individual.difference) == (None, None)


def test_the_sum_line_of_a_brokeragelink_account_is_not_counted_twice():
    plan, link, management = read("fidelity_2026_workplace.csv").portfolios

    assert (plan.cash, link.cash, management.cash) == (0, Decimal("40.06"), Decimal("123.07"))
    assert aside(plan) == {"STABLE": Decimal(5000)}
    assert [r.our_total for r in read("fidelity_2026_workplace.csv").reconciliations] == [
        Decimal("15582.00"),
        Decimal("10040.06"),
        Decimal("123.07"),
    ]


def test_the_sum_line_of_a_brokeragelink_account_that_is_not_in_the_file_is_set_aside():
    text = (GOLDEN / "fidelity_2026_workplace.csv").read_text(encoding="utf-8")
    without = "\n".join(line for line in text.splitlines() if "652000111" not in line)

    plan = read_text(without).portfolios[0]

    assert aside(plan) == {"STABLE": Decimal(5000), "BROKERAGELINK": Decimal("10040.06")}


def test_a_plan_fund_without_a_ticker_keeps_its_cusip_and_says_so():
    file = read("fidelity_2026_workplace.csv")

    assert file.portfolios[0].quantities == {"84679P173": Decimal("120.25")}
    assert any("has no ticker" in note for note in file.reconciliations[0].notes)


def test_account_names_with_commas_stay_whole_and_plans_are_tax_deferred():
    plan = read("fidelity_2026_workplace.csv").portfolios[0]

    assert plan.account.name == "EXAMPLE, INC. 401(K) PLAN"
    assert plan.account.tax_treatment == TaxTreatment.TAX_DEFERRED


def test_the_2020_header_with_name_and_number_in_one_column_is_read():
    portfolio = read("fidelity_2020_one_account.csv").portfolios[0]

    assert portfolio.account.number == "X31410000"
    assert portfolio.quantities == {"FSKAX": Decimal("2337.151")}
    assert portfolio.cash == Decimal("1294.82")


@pytest.mark.parametrize(
    ("cell", "name", "number"),
    [
        ("Individual - Z12345678", "Individual", "Z12345678"),
        ("Individual TOD X20-548022", "Individual TOD", "X20-548022"),
        ("Individual-X12345678", "Individual", "X12345678"),
        ("ROTH IRA", "ROTH IRA", ""),
    ],
)
def test_name_and_number_in_one_cell_are_told_apart(cell: str, name: str, number: str):
    text = (
        f"Account Name/Number,Symbol,Description,Quantity,Last Price,Current Value\n{cell},VTI,ETF,1,$250.00,$250.00\n"
    )

    account = read_text(text).portfolios[0].account

    assert (account.name, account.number) == (name, number)


@pytest.mark.parametrize(
    "header",
    [
        "Symbol,Description,Quantity,Last Price,Current Value\n{},ETF,2,$250.00,$500.00\n",
        "Account name,Symbol,Quantity,Last price,Current value\nJoint,{},2,$250.00,$500.00\n",
        "Account Number,Symbol,Description,Quantity,Last Price,Current Value\nZ12345678,{},ETF,2,$250.00,$500.00\n",
        "Account Number,Account Name,Investment Type,Symbol,Description,CUSIP,Quantity,Last Price,Current Value\nZ1,Joint,ETFs,{},ETF,922908769,2,$250.00,$500.00,\n",
    ],
)
def test_fidelity_columns_may_be_missing_or_more(header: str):
    file = read_text(header.format("VTI"))

    assert (file.format, file.portfolios[0].quantities) == ("Fidelity", {"VTI": Decimal(2)})


def test_a_fidelity_view_without_quantities_is_refused_by_the_columns_it_lacks():
    with pytest.raises(ImportFileError, match="no Quantity and Last Price column") as refusal:
        read_text("Account number,Account name,Symbol,Description,CUSIP,Current value\nZ1,Joint,VTI,ETF,1,$5\n")

    assert refusal.value.culprits == ("Quantity", "Last Price")


def test_core_cash_may_have_a_quantity_at_one_dollar():
    text = FIDELITY_HEADER + 'Z1,Joint,FCASH**,HELD IN FCASH,500.00,$1.00,$500.00,"$500.00",Cash\n'

    assert read_text(text).portfolios[0].cash == Decimal(500)


def test_a_money_fund_that_is_not_the_core_position_must_be_sold_first_and_stays_a_position():
    text = FIDELITY_HEADER + "Z1,Joint,FZDXX,FIDELITY MONEY MARKET PREMIUM,500,$1.00,$500.00,,Cash\n"

    portfolio = read_text(text).portfolios[0]

    assert (portfolio.cash, portfolio.quantities) == (0, {"FZDXX": Decimal(500)})


def test_asterisks_on_a_security_with_its_own_price_do_not_make_it_cash():
    portfolio = read_text(FIDELITY_HEADER + "Z1,Joint,MSFT**,MICROSOFT CORP,10,$500.00,$5000.00,,Cash\n").portfolios[0]

    assert portfolio.quantities == {"MSFT": Decimal(10)}


def test_a_value_that_contradicts_quantity_times_price_is_named_and_its_price_not_used():
    file = read_text(FIDELITY_HEADER + "Z1,Joint,VTI,ETF,10,$100.00,$1050.00,$900.00,Cash\n")

    (problem,) = file.problems

    assert problem.line_number == 2
    assert "10 × 100 is 1,000.00, but the file gives the value 1,050" in problem.reason
    assert file.portfolios[0].positions[0].quote is None


def test_a_printed_price_may_be_rounded():
    file = read_text(FIDELITY_HEADER + "Z1,Joint,VTI,ETF,418.259,$113.68,$47547.67,,Cash\n")

    assert file.problems == ()
    assert file.reconciliations[0].our_total == Decimal("47547.67")
    assert file.reconciliations[0].priced_total == Decimal("47547.68")


def test_a_quantity_that_is_no_number_is_named_and_the_rest_is_read():
    file = read_text(
        FIDELITY_HEADER + "Z1,Joint,VTI,ETF,ten,$1.00,$10.00,,Cash\nZ1,Joint,BND,ETF,1,$72.00,$72.00,,Cash\n"
    )

    assert [(p.line_number, p.text) for p in file.problems] == [(2, "Z1,Joint,VTI,ETF,ten,$1.00,$10.00,,Cash")]
    assert file.portfolios[0].quantities == {"BND": Decimal(1)}


def test_a_download_that_was_cut_short_is_refused_with_its_line():
    with pytest.raises(ImportFileError, match=r"line 3 \(4 fields, the header has 9\)"):
        read_text(FIDELITY_HEADER + "Z1,Joint,BND,ETF,1,$72.00,$72.00,,Cash\nZ1,Joint,VTI,ET")


def test_thousands_without_quotes_shift_columns_and_refuse_the_file():
    with pytest.raises(ImportFileError, match="line 2"):
        read_text(FIDELITY_HEADER + "Z1,Joint,VTI,ETF,10,$150.00,$1,500.00,$900.00,Cash\n")


def test_the_line_above_the_header_names_the_account_of_a_file_without_an_account_column():
    text = (
        '"Brokerage"\n\n"Individual-X12345678"\n\n"Symbol","Description","Quantity","Last Price","Current Value"\n'
        '"VTI","ETF","2","$250.00","$500.00"\n"Account Total","","","","$500.00"\n'
    )

    file = read_text(text)

    assert (file.portfolios[0].account.name, file.portfolios[0].account.number) == ("Individual", "X12345678")
    assert file.reconciliations[0].difference == 0


def test_a_total_of_several_fidelity_accounts_is_no_accounts_total():
    rows = "Z1,Joint,VTI,ETF,1,$250.00,$250.00,,Cash\nZ2,Roth,BND,ETF,1,$72.00,$72.00,,Cash\n"

    file = read_text(FIDELITY_HEADER + rows + ",,Positions Total,,--,--,$322.00,--,--\n")

    assert [r.file_total for r in file.reconciliations] == [None, None]
    assert file.notes == ("Line 4 is a total over several accounts and was left out.",)


def test_two_files_pasted_into_one_are_refused():
    with pytest.raises(ImportFileError, match="stands again in line 3"):
        read_text((FIDELITY_HEADER + "Z1,Joint,BND,ETF,1,$72.00,$72.00,,Cash\n") * 2)


def test_a_view_with_income_columns_and_no_cost_is_read_to_the_cent():
    file = read("fidelity_income_view.csv")
    (link,) = file.portfolios

    assert link.quantities == {"SCHD": Decimal("28.12"), "VYM": Decimal("7.575")}
    assert (link.cash, link.positions[0].lots) == (Decimal("33.00"), ())  # 45.00 − 12.00 pending
    assert file.reconciliations[0].our_total == Decimal("1898.26")


def test_fidelity_cuts_off_what_is_below_a_cent_and_so_do_the_sums():
    (reconciliation,) = read("fidelity_income_view.csv").reconciliations

    # 28.12 × 27.90 = 784.548 and 7.575 × 142.67 = 1,080.72525
    assert reconciliation.priced_total == reconciliation.our_total == Decimal("1898.26")


def test_pending_money_with_an_unquoted_comma_is_listed_and_not_taken_for_a_few_dollars():
    row = "X20548022,General,{},,,,,-$4,236.41\n"
    header = "Account Number,Account Name,Symbol,Description,Quantity,Last Price,Last Price Change,Current Value,Type\n"

    file = read_text(
        header + "X20548022,General,FXAIX,FUND,10,$200.00,,$2000.00,Cash\n" + row.format("Pending activity")
    )

    assert [(p.line_number, "-$4,236.41" in p.reason) for p in file.problems] == [(3, True)]
    assert file.portfolios[0].cash == 0


# ── Schwab ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_schwab_account_agrees_with_its_positions_total_to_the_cent():
    (reconciliation,) = read("schwab_individual.csv").reconciliations

    assert reconciliation.file_total == Decimal("21300.45")
    assert reconciliation.difference == 0


def test_schwab_positions_keep_quantities_prices_and_costs_as_printed():
    portfolio = read("schwab_individual.csv").portfolios[0]

    assert portfolio.quantities == {"VTI": 40, "BRK/B": 5, "CASH": 10, "SWVXX": 1000}
    assert portfolio.positions[1].quote.price == Decimal("480.50")
    assert portfolio.positions[1].lots == (TaxLot(Decimal(5), Decimal("505.886")),)
    assert portfolio.as_of == datetime(2026, 11, 20, 9, 28, tzinfo=EASTERN)
    assert (portfolio.account.name, portfolio.account.masked_number) == ("Individual", "…123")


def test_the_bank_with_the_ticker_cash_is_a_security_and_the_sweep_is_cash():
    portfolio = read("schwab_individual.csv").portfolios[0]

    assert portfolio.quantities["CASH"] == 10
    assert portfolio.cash == Decimal("2181.45")


def test_schwab_shorts_options_bonds_and_what_has_no_price_are_set_aside():
    portfolio = read("schwab_individual.csv").portfolios[0]

    assert aside(portfolio) == {"TSLA": -800, "AAPL": 830, "912797KX4": 4980, "123CVR011": None}


def test_every_block_of_the_all_accounts_export_is_an_account_of_its_own():
    file = read("schwab_all_accounts.csv")
    roth, individual = file.portfolios

    assert (roth.account.name, roth.account.tax_treatment) == ("Roth Contributory IRA", TaxTreatment.TAX_FREE)
    assert (individual.quantities, individual.cash) == ({"SCHF": Decimal(100)}, Decimal(-500))
    assert [r.difference for r in file.reconciliations] == [0, 0]
    assert individual.as_of == datetime(2026, 11, 20, 18, 10, tzinfo=EASTERN)


def test_cash_below_zero_is_said_to_be_owed_on_margin():
    notes = read("schwab_all_accounts.csv").reconciliations[1].notes

    assert any("owes 500.00 on margin" in note for note in notes)


def test_an_account_name_with_commas_outside_quotes_is_put_together_again():
    text = (GOLDEN / "schwab_all_accounts.csv").read_text(encoding="utf-8")

    file = read_text(text.replace('"Individual ...456"', "Doe Family Trust, Jane Doe ...456"))

    assert file.portfolios[1].account.name == "Doe Family Trust, Jane Doe"
    assert file.reconciliations[0].difference == 0


def test_a_missing_schwab_line_shows_as_a_difference():
    text = (GOLDEN / "schwab_individual.csv").read_text(encoding="utf-8")

    file = read_text("\n".join(line for line in text.splitlines() if not line.startswith('"VTI"')))

    assert file.reconciliations[0].difference == Decimal("-10004.00")


def test_an_unreadable_schwab_line_is_listed_and_shows_as_a_difference():
    text = (GOLDEN / "schwab_individual.csv").read_text(encoding="utf-8")

    file = read_text(text.replace('"VANGUARD TOTAL STOCK MARKET ETF","40"', '"VANGUARD TOTAL STOCK MARKET ETF","4O"'))

    assert [problem.line_number for problem in file.problems] == [4]
    assert file.reconciliations[0].difference == Decimal("-10004.00")


def test_a_schwab_file_that_went_through_a_spreadsheet_is_read():
    text = (
        '"Positions for account Personal ...977 as of 07:28 PM ET, 2026/06/04",,,,\n,,,,\n'
        "Symbol,Description,Quantity,Price,Market Value\n"
        "VTI,VANGUARD TOTAL,2,$250.00,$500.00\nCash & Cash Investments,--,--,--,$0.00\nAccount Total,--,--,--,$500.00\n"
    )

    file = read_text(text)

    assert (file.portfolios[0].account.number, file.reconciliations[0].difference) == ("977", 0)


def test_a_schwab_file_without_prices_uses_value_divided_by_quantity_and_says_so():
    text = (
        '"Positions for account Personal ...977 as of 07:28 PM ET, 2026/06/04"\n\n'
        '"Symbol","Description","Qty (Quantity)","Cost Basis","Mkt Val (Market Value)",\n"VTI","ETF","2","$200.00","$501.50",\n'
    )

    file = read_text(text)

    assert file.portfolios[0].positions[0].quote.price == Decimal("250.75")
    assert any("value divided by its quantity" in note for note in file.reconciliations[0].notes)


def test_a_schwab_title_may_lack_the_date_and_cash_may_be_named_in_the_description():
    text = (
        '"Positions for account Roth Contributory IRA ...348"\n""\n"Symbol","Description","Quantity","Price","Market Value"\n'
        '"VTI","ETF","2","$250.00","$500.00"\n"","Cash & Cash Investments","--","--","$10.00"\n"","Account Total","","","$510.00"\n'
    )

    file = read_text(text)

    assert (file.portfolios[0].account.name, file.portfolios[0].cash) == ("Roth Contributory IRA", Decimal(10))
    assert (file.portfolios[0].as_of, file.reconciliations[0].difference) == (NOW, 0)


def test_a_schwab_view_without_market_values_is_refused_by_the_column_it_lacks():
    text = '"Positions for account Individual ...123"\n\n"Symbol","Description","Qty (Quantity)","Price"\n"VTI","ETF","2","$1"\n'

    with pytest.raises(ImportFileError, match=r"no Mkt Val \(Market Value\) column"):
        read_text(text)


def test_another_brokers_table_is_not_taken_for_schwabs():
    with pytest.raises(ImportFileError, match="unknown description, last price and market value"):
        read_text("Symbol,Description,Quantity,Last Price,Market Value\nVTI,ETF,2,$250.00,$500.00\n")


def test_a_value_that_no_price_of_six_decimals_gives_back_implies_no_price():
    text = (
        '"Positions for account Personal ...977 as of 07:28 PM ET, 2026/06/04"\n\n'
        '"Symbol","Description","Qty (Quantity)","Mkt Val (Market Value)"\n"PNNY","PENNY INC","1,000,000","$333,333.33"\n'
    )

    file = read_text(text)

    assert file.portfolios[0].positions[0].quote is None
    assert file.reconciliations[0].our_total == Decimal("333333.33")


def test_two_schwab_tables_of_one_account_are_refused():
    text = (GOLDEN / "schwab_all_accounts.csv").read_text(encoding="utf-8")

    with pytest.raises(ImportFileError, match="two tables for the account"):
        read_text(text.replace("Individual ...456", "Roth_Contributory_IRA ...123"))


def test_a_cost_that_schwab_does_not_know_costs_the_position_only_its_lots():
    file = read("schwab_missing_cost.csv")
    schb, vti = file.portfolios[0].positions

    assert (vti.quantity, vti.quote.price, vti.lots) == (Decimal("10.5"), Decimal("250.10"), ())
    assert len(schb.lots) == 1
    assert (file.problems, file.reconciliations[0].difference) == ((), 0)
    assert any("'Incomplete'" in note and "kept without its cost" in note for note in file.reconciliations[0].notes)


def test_accounts_named_in_a_column_come_apart_and_their_grand_total_is_left_out():
    file = read("schwab_account_column.csv")
    brokerage, roth = file.portfolios

    assert (brokerage.account.name, brokerage.quantities, brokerage.cash) == ("Brokerage", {"SCHF": 100}, 50)
    assert (roth.account.name, roth.account.number, roth.quantities) == ("Roth IRA", "456", {"VTI": 10})
    assert [r.difference for r in file.reconciliations] == [0, 0]
    assert file.notes == ("Line 8 is a total over several accounts and was left out.",)


def test_a_schwab_view_without_quantities_is_refused_by_the_column_it_lacks():
    text = (
        '"Positions for account Play Money ...572 as of 09:27 PM ET, 2026/11/20"\n\n'
        '"Symbol","Description","% of Acct (% of Account)","Mkt Val (Market Value)","Cost/Share","Last","Asset Type",\n'
        '"NVDA","NVIDIA CORP","5.7%","$10,410.12","$129.04","203.62","Equity",\n'
    )

    with pytest.raises(
        ImportFileError, match=r"Line 3: the header has no Qty \(Quantity\) column. Add it under Customize"
    ):
        read_text(text)


# ── Vanguard ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_vanguard_holdings_are_read_and_its_transactions_left_out():
    file = read("vanguard_brokerage.csv")
    first, second = file.portfolios

    assert first.quantities == {"VTSAX": Decimal("250.5")}
    assert second.quantities == {"MGK": Decimal("103.8863")}
    assert file.notes == ("2 lines of transactions below the holdings left out.",)


def test_the_vanguard_settlement_fund_is_cash_even_on_two_lines():
    first = read("vanguard_brokerage.csv").portfolios[0]

    assert first.cash == Decimal("14973.89")


def test_a_vanguard_bond_with_the_symbol_null_is_set_aside():
    first = read("vanguard_brokerage.csv").portfolios[0]

    assert aside(first) == {"U": Decimal(5000)}


def test_vanguard_totals_add_up_and_prices_carry_the_time_of_the_import():
    file = read("vanguard_brokerage.csv")

    assert [r.our_total for r in file.reconciliations] == [Decimal("49638.10"), Decimal("8779.43")]
    assert file.portfolios[0].positions[0].quote.time == NOW


def test_vanguard_files_without_tickers_keep_the_value_in_sight():
    file = read("vanguard_529.csv")

    assert file.portfolios[0].positions == ()
    assert [item.value for item in file.portfolios[0].set_aside] == [Decimal("34158.46")]


# ── All of them ─────────────────────────────────────────────────────────────────────────────────────────────────────

EVERY = sorted(path.name for path in GOLDEN.glob("*.csv"))


@pytest.mark.parametrize("name", EVERY)
def test_an_account_has_the_same_id_in_every_import_and_under_every_file_name(name: str):
    content = (GOLDEN / name).read_bytes()

    once = read_accounts(content, "a.csv", NOW)
    again = read_accounts(content + b"\r\n", "../../etc/passwd", NOW)

    assert [p.account.id for p in once.portfolios] == [p.account.id for p in again.portfolios]
    assert not any(p.account.number and p.account.number in p.account.id for p in once.portfolios)


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_the_encoding_does_not_change_what_is_read(name: str, encoding: str):
    text = (GOLDEN / name).read_text(encoding="utf-8")

    file = read_accounts(text.replace("\n", "\r\n").encode(encoding), "x.csv", NOW)

    assert file.portfolios == read(name).portfolios


@pytest.mark.parametrize("name", EVERY)
def test_the_header_decides_the_format(name: str):
    letters = "".join(character for character in read(name).format.lower() if character.isalpha())
    assert letters.startswith(name.split("_", 1)[0])
