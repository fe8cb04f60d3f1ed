# Home.
home-hello = Hello, { $name }
home-this-month = This month
home-reachable = Friends who get promotions
home-people-unit = {""}
home-sends-unit = {""}
home-30-days = in 30 days
home-all-friends = { $count ->
    [one] { $count } friend
   *[other] { $count } friends
}
home-line = From { $first } friends to { $last } in 30 days
home-sends = Delivered this month
home-campaigns = { $count ->
    [one] { $count } campaign started this month
   *[other] { $count } campaigns started this month
}
home-last-month = { $count } last month
home-spent = Spent this month
home-with-vat = { $amount } with VAT
home-held = { $amount } held
home-enough-for = About { $sends } sends at { $unit }
home-now = Being sent now
home-live = Live
home-now-over = Everything has just ended.
home-see-results = See the results
home-run-people = { $done } of { $total } people
home-charged-held = Charged / held
home-recent = Recent campaigns
home-recent-none = Nothing was sent yet
home-recent-none-text = Once something is sent, you see here whom it reached and what it cost.
home-ended = Ended
home-charged = Charged
home-next = What to do next
home-next-none = Nothing waits for you. Begin a new campaign.
home-missing = waits, { $amount } are missing
home-waits-for-funds = waited for money, can be sent now
home-launch-failed = could not start; see why and mend it
home-not-sent = not sent yet
home-restored = restored from a backup, stands still
home-scheduled = scheduled for { $time }
home-scheduled-cost = scheduled for { $time } · { $amount }
home-short-funds = scheduled for { $time }, { $amount } are missing
home-short-plan = scheduled for { $time }, the plan has room for { $granted } of { $asked } people
home-short-budget = scheduled for { $time }, { $amount } beyond a budget
home-budget-month = { $percent }% of the business's budget of this month is used since { $time }
home-budget-day = { $percent }% of { $account }'s budget of today is used since { $time }
home-growth = Friends in 30 days
home-more = More
home-gained = New
home-blocked = Blocked
home-lost = Left
home-net = Net
home-without-consent = { $count ->
    [one] { $count } friend has not agreed to promotions and gets none.
   *[other] { $count } friends have not agreed to promotions and get none.
}
home-steps = The way to the first message
home-step-account = Create the account
home-step-friends = Bring in friends
home-step-friends-text = Import the list you have as CSV, or invite friends by QR code.
home-step-friends-done = { $count ->
    [one] { $count } friend
   *[other] { $count } friends
}
home-step-import = Import CSV
home-step-qr = QR code
home-step-money = Fill the wallet
home-step-money-text = Only what is delivered costs money, and you see the price before you send.
home-step-write = Write a message
home-step-write-text = Beside it you see what it looks like on a friend's phone.
home-step-send = Review and send
home-step-send-text = You see for how many people and how much money. For a moment after the click it can be undone.
home-interrupted = The program was interrupted at { $at }
home-interrupted-text = It was sending then, and went on by itself. Nobody gets anything twice.
home-interrupted-closes = Your books close, checked at { $at }.
home-interrupted-open = Your books are being looked into. The operator was told at { $at }.
home-interrupted-unchecked = Your books are checked in a moment.
