#!/bin/sh
# ./demo deletes nothing but an earlier demo. The script runs with stand-ins
# for the installation, the build and the program. Prints TAP.
. "$(dirname "$0")/../support/tap.sh"
cd "$top" || exit 1

mkdir -p tree/scripts tree/build bin
cp "$PRISM_SOURCE/demo" tree/
printf '#!/bin/sh\n' >tree/scripts/install-packages
printf '#!/bin/sh\n' >bin/meson
cat >tree/build/prism <<'END'
#!/bin/sh
while [ $# -gt 1 ]; do shift; done
mkdir -p "$1" && cd "$1" || exit 1
printf '{\n  "name": "demo",\n  "status": "done"\n}\n' >run.json
touch comparison.png curves.svg
END
: >tree/build/build.ninja
chmod +x tree/demo tree/scripts/install-packages tree/build/prism bin/meson
PATH=$top/bin:$PATH
demo() { tree/demo "$@" >out 2>err; }
refused() { [ "$1" = 2 ] && grep -q "^demo: .*$2.*; name a folder" err; }

demo && [ -s tree/out/demo/run.json ]
ok $? "without an argument the demo writes out/demo beside the script"
demo && [ -s tree/out/demo/run.json ]
ok $? "an earlier demo is replaced"
demo new/folder && [ -s new/folder/run.json ] && grep -q "$PWD/new/folder/curves.svg" out
ok $? "a new folder is made where the caller is"
mkdir empty && demo empty && [ -s empty/run.json ]
ok $? "an empty folder is taken"
mkdir pictures && echo precious >pictures/a.png
demo pictures
refused $? "holds no earlier demo" && [ "$(cat pictures/a.png)" = precious ]
ok $? "a folder of pictures is refused and left as it is"
mkdir run && printf '{\n  "name": "mine",\n  "status": "done"\n}\n' >run/run.json
demo run
refused $? "holds no earlier demo" && [ -s run/run.json ]
ok $? "a run that is no demo is refused"
echo precious >"new/folder/my notes.txt"
demo new/folder
refused $? "holds files that no demo wrote" && [ "$(cat "new/folder/my notes.txt")" = precious ]
ok $? "a demo that somebody put a file into is refused"
echo text >file && demo file
refused $? "is no folder" && [ "$(cat file)" = text ]
ok $? "a file is refused"
ln -s pictures link && demo link
refused $? "is no folder" && [ -s pictures/a.png ]
ok $? "a link is refused"
echo "1..$n"
[ $failures -eq 0 ]
