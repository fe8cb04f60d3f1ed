# What every family of pages says.
people-count = { $count ->
    [one] { $count } person
   *[other] { $count } people
}
span-days = { $count } d
span-hours = { $count } h
span-minutes = { $count } min
span-seconds = { $count } s
zone-Asia-Seoul = Seoul time
zone-Asia-Tokyo = Tokyo time
zone-UTC = UTC
form-faults = { $count ->
    [one] Please mend one field
   *[other] Please mend { $count } fields
}
