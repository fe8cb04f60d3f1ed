# The pages of who runs the installation.
operator-title = Operator
operator-side = Operator's pages
operator-problem-home = To the overview
operator-sign-in = Operator sign-in
operator-sign-in-text = For the platform team. Members of a brand sign in elsewhere.
operator-first-run = No operator can sign in yet. This command makes one; the password is read from the terminal.
operator-to-console = I work for a brand
operator-keys-go = go to overview · businesses · revenue · holds · books · prices
operator-overview = Overview
operator-businesses = Businesses
operator-revenue = Revenue
operator-holds = Holds
operator-reconciliation = Books
operator-currency = Currency
operator-more = More
operator-cancel = Cancel
operator-day = Day
operator-units = Sends charged
operator-amount = Amount
operator-total = Total
operator-account = Account
operator-accounts = Accounts
operator-business = Business
operator-tariff = Tariff
operator-share = Share
operator-tariff-none = No tariff
operator-no-account = No account
operator-standing = Sent by API
operator-milliseconds = { $count } ms
operator-month = Revenue this month
operator-today = { $amount } today
operator-sends = { $count } sends charged
operator-average = Per delivered send
operator-average-note = Revenue by sends charged, this month
operator-paying = Paying accounts
operator-paying-note = { $paying } of { $active } active accounts earned something in 30 days
operator-unresolved = Unresolved sends
operator-unresolved-note = { $waiting } wait for word, { $asked } are being asked for
operator-30-days = Revenue of 30 days
operator-chart-said = { $amount } for { $units } sends
operator-chart-numbers = In numbers
operator-nothing-earned = Nothing was earned
operator-nothing-earned-text = What is delivered and charged appears here within seconds.
operator-behind = Not everything is counted: what was booked since { $since } is still missing here.
operator-books = The books
operator-check-light = Sums
operator-check-full = Everything
operator-check-light-text = Every five minutes: double entry, wallets, holds, and campaigns that money moved for.
operator-check-full-text = Every night: each chunk, each recipient and the whole ledger.
operator-check-none = Not checked yet
operator-clean = No findings
operator-closes = The books close
operator-findings = { $count ->
    [one] { $count } finding
   *[other] { $count } findings
}
operator-position = Money of the brands
operator-held = Held, in { $count ->
    [one] { $count } hold
   *[other] { $count } holds
}
operator-aged = Older than 3 days, { $count ->
    [one] { $count } hold
   *[other] { $count } holds
}
operator-aged-note = Uncertain sends are decided after 72 hours: what is older needs a look.
operator-credit = Credit used / limit
operator-credit-limit = Credit limit
operator-businesses-count = { $count ->
    [one] { $count } business
   *[other] { $count } businesses
}
operator-businesses-list = Who pays
operator-businesses-search = Name or @handle
operator-businesses-none = No such business
operator-businesses-none-text = Names and handles are looked through. A business is made with chingu admin business create.
operator-businesses-all = All businesses
operator-find = Find
operator-spent = Spent this month
operator-page-before = Back
operator-page-next = Next
operator-since = since { $day }
operator-stopped = stopped
operator-zone = Time zone
operator-accounts-none = No account yet.
operator-under-way = Under way
operator-under-way-none = No campaign is under way.
operator-captured = Charged
operator-open = { $amount } still held
operator-still-held = Still held
operator-held-since = Held since
operator-age = for { $age }
operator-holds-count = { $count ->
    [one] { $count } hold
   *[other] { $count } holds
}
operator-holds-text = Money reserved for campaigns and neither charged nor given back, the oldest first.
operator-holds-open = Open holds
operator-holds-none = Nothing is held
operator-holds-none-text = A launch holds what the campaign can cost; its close gives the rest back.
operator-top-up = Confirm a payment
operator-top-up-available = { $amount } available now
operator-top-up-amount = Amount in { $currency }
operator-top-up-amount-help = What arrived on the bank account, without VAT.
operator-top-up-reference = Payment reference
operator-top-up-reference-help = As the bank names it: up to 64 letters, digits and signs, no spaces. It is booked once.
operator-top-up-check = Check the payment
operator-top-up-how = What happens
operator-top-up-how-1 = The money is on the bank account
operator-top-up-how-1-text = Confirm only what has arrived.
operator-top-up-how-2 = You see what will be booked
operator-top-up-how-2-text = Nothing moves before you confirm the next page.
operator-top-up-how-3 = It can be spent at once
operator-top-up-how-3-text = The same reference again books nothing.
operator-top-up-does = { $amount } becomes available to { $name } at once. A booking is never changed: a mistake is corrected by another one.
operator-top-up-before = This very payment was booked at { $at }. Nothing is booked again.
operator-top-up-confirm = Book { $amount }
operator-top-up-again = Change it
operator-top-up-fault-amount = Please give an amount above zero, such as 1,000,000.
operator-top-up-fault-reference = Please give a reference of 1 to 64 letters, digits and signs, without spaces.
operator-top-up-fault-taken = This reference was booked for another payment. Please look at the bank statement.
operator-available-before = Available now
operator-available-after = Available afterwards
operator-revenue-days = each account's days are those of its time zone
operator-by-day = By day
operator-by-account = By account and tariff
operator-csv = CSV by day
operator-cut-off = The { $count } largest; the file has all of them.
operator-reconciliation-text = The program checks its own books and corrects nothing by itself.
operator-check-now = Check the sums now
operator-checks = Checks
operator-checks-none-text = The first one is made within seconds of the start.
operator-checks-text = The latest twenty of sums and ten of everything. Checks without findings are kept for 30 and 400 days, the others for good.
operator-began = Began
operator-took = Took
operator-check-kind = What
operator-found = Result
operator-found-text = The log says the same. Whoever looks into it finds the named rows in the database.
operator-looked-at = Looked at
operator-invariant = What has to hold
operator-check-head = { $began }, took { $took }
operator-interruptions = Interruptions
operator-interrupted-title = The program was interrupted
operator-interrupted = The program was interrupted at { $at } and went on at { $noticed }.
operator-interrupted-none = No campaign was under way.
operator-interrupted-campaigns = { $count ->
    [one] { $count } campaign was under way:
   *[other] { $count } campaigns were under way:
}
operator-interrupted-closes = The books close, checked at { $at }.
operator-interrupted-open = The books do not close, checked at { $at }. The findings are below.
operator-interrupted-unchecked = The books are checked in a moment.
done-top-up = The payment is booked. It can be spent at once.
done-top-up-before = This payment was booked before. Nothing was booked again.
done-checked = Checked: the books close.
done-checked-unclean = Checked: there are findings.
operator-invariant-i1 = At most one charged send per campaign and person
operator-invariant-i3 = What is charged was accepted
operator-invariant-i4 = What was accepted is charged
operator-invariant-i5a = First rounds and exclusions part the audience
operator-invariant-i5b = Chunks are what the freeze says
operator-invariant-i5c = Outcomes of a chunk add up to its size
operator-invariant-i5d = Who was moved is the next round
operator-invariant-i6 = Nothing is lost at rest
operator-invariant-i7 = Every booking sums to zero
operator-invariant-i8a = Charges are the price of what was delivered
operator-invariant-i8b = Charges are booked, to the last micro-unit
operator-invariant-i9a = Holds cover what may still be charged
operator-invariant-i9b = A campaign at rest holds nothing
operator-invariant-i9c = What is frozen is counted right
operator-invariant-i10 = Spent and held stay within the funds
operator-invariant-i11a = States and times follow their diagrams
operator-invariant-i11b = Chunks keep the evidence of what was sent
operator-invariant-b1 = Wallets are what their bookings add up to
operator-invariant-b2 = Held money is the sum of open holds
operator-invariant-b3 = Holds, charges and releases are booked
operator-invariant-b4 = A launched campaign holds once
operator-invariant-b5 = The hash chain of the ledger is unbroken
operator-invariant-b6 = Every row belongs to something
operator-invariant-b7 = Promotional credit is where its entries say
operator-invariant-b8 = No hold passed a budget that was in force
operator-invariant-b9 = The bills of closed months are their captures
