# What every family of pages says.
people-count = { $count }명
span-days = { $count }일
span-hours = { $count }시간
span-minutes = { $count }분
span-seconds = { $count }초
zone-Asia-Seoul = 서울 시각
zone-Asia-Tokyo = 도쿄 시각
zone-UTC = 협정 세계시
form-faults = { $count }곳을 고쳐 주세요
