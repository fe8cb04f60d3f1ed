review-people = { $count } people
review-messages = { $count ->
    [one] 1 message
   *[other] { $count } messages
  }
review-sum = Summary
review-gross = Price, VAT included
review-gross-text = { $count } × { $price } = { $net }, VAT { $vat }
review-no-sum = People and price show once the audience is complete.
review-people-all = Everybody you chose gets it
review-people-of-friends = Of { $count } friends so far, { $unwilling } did not consent and { $gone } blocked or left
review-people-of-matched = Of { $count } who match, { $unwilling } did not consent and { $gone } blocked or left
review-people-limited = Of { $reachable } who can get it, { $cut } are over the limit
review-when = Time
review-change = Change
review-numbers = The numbers
review-sent-by = Sent by then
review-wallet-and-send = Wallet and sending
review-wallet-now = Available
review-wallet-held = Held for this
review-wallet-after = Afterwards
review-wallet-share = { $share } of what is available is held
review-vat-text = VAT ({ $percent }%) of { $vat } does not leave the wallet; it is on the monthly invoice.
review-checks = Checks
review-check-message = Nothing to mend in the message
review-check-law = The ad label and the free opt-out are included
review-check-name = Name of the campaign: { $fault }
review-check-wrong = Message: { $fault }
review-check-people = There are people to get it
review-check-audience = The audience has an empty or wrong condition
review-check-nobody = Nobody matches the conditions now
review-check-schedule = Time and speed are set
review-check-past = The time you chose is past. Choose again
review-check-when = The schedule has something to mend
review-check-funds = The wallet has enough money
review-check-money = { $amount } is missing. Top up the wallet or choose fewer people
review-check-money-later = { $amount } is missing. Top up the wallet before it starts
review-check-fewer-by-number = There is enough for { $granted } of { $asked } people: it goes to those known longest
review-check-fewer-at-random = There is enough for { $granted } of { $asked } people: they are drawn at random
review-check-plan = Your plan has { $count } messages left this month. Choose fewer people
review-check-budget-month = The budget of the month has { $amount } left. Choose fewer people or raise it
review-check-budget-day = The budget of the day has { $amount } left. Choose fewer people or raise it
review-check-budget-campaign = The budget of the campaign is { $amount }. Choose fewer people or raise it
review-check-quiet = { $count } people would get it at night
review-check-sent-back = It did not start when its time came: { $why }
review-who = Who may send
review-who-text = { $names } may send it. Tell them the address of this page.
review-checked = I checked: { $count } people, { $amount }
review-tick = Check people and price, then tick the box.
review-send-button = { $count ->
    [one] Send to 1 person
   *[other] Send to { $count } people
  }
review-schedule-button = Schedule for { $time }, { $count } people
review-undo-text = You can undo it for 3 seconds
review-undo = Undo
review-countdown = Sending in # s
review-undone = Undone. Nothing was sent.
review-confirm = Really send it?
review-confirm-text = Press the button below once more and it starts.
review-not-yet = Not yet
review-blocked = Cannot be sent yet
review-blocked-text = Mend what the checks point at, then send.
review-notice-changed = The draft changed meanwhile
review-notice-unready = Something is not ready to be sent
review-notice-refused = This message cannot be sent now
review-notice-dearer = The price rose meanwhile
review-notice-dearer-detail = It was { $seen } and is { $now } now.
review-notice-nothing-sent = Nothing was sent. Check again.
done-scheduled = Scheduled. It starts by itself when its time comes.
