# What every family of pages says.
people-count = { $count }人
span-days = { $count }日
span-hours = { $count }時間
span-minutes = { $count }分
span-seconds = { $count }秒
zone-Asia-Seoul = ソウル時間
zone-Asia-Tokyo = 東京時間
zone-UTC = 協定世界時
form-faults = { $count }か所を直してください
